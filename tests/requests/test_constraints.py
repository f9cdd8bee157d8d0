"""What keeps a constraint and what does not, typed; and that whatever a request asks can be kept at once."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlhf_data.requests import constraints
from rlhf_data.requests.constraints import HELD_OUT, KINDS, TRAINED, Constraint

CASES = [
    ("short", "10", "Rain falls from clouds.", True),
    ("short", "10", "One two three four five six seven eight nine ten.", False),
    ("short", "10", "It's a well-known one-word trick: don't stop, ever.", True),  # nine words
    ("one_sentence", "", "Rain is wet, cold and useful.", True),
    ("one_sentence", "", "Rain is wet. It is cold.", False),
    ("one_sentence", "", "Rain is 3.5 mm deep", True),
    ("one_sentence", "", 'He said "Rain is wet."', True),
    ("two_sentences", "", "Rain is wet! Is it cold?", True),
    ("two_sentences", "", "Rain is wet", False),
    ("two_sentences", "", "Rain... is wet. It is cold.", False),  # the dots end one
    ("lower_case", "", "rain is wet.", True),
    ("lower_case", "", "Rain is wet.", False),
    ("lower_case", "", "1 + 1 = 2", False),
    ("upper_case", "", "RAIN IS WET, ÄRGER!", True),
    ("upper_case", "", "RAIN is WET", False),
    ("question", "", "Rain is wet, is it not?", True),
    ("question", "", "Is it wet? Yes it is.", False),
    ("exclamation", "", "Rain is so wet!", True),
    ("mention", "because", "I stay home Because of rain.", True),
    ("mention", "friend", "Two friends stay home.", True),
    ("mention", "never", "I stay nevertheless at home.", False),
    ("avoid", "the", "Then rain falls there.", True),
    ("avoid", "the", "Watch The rain fall.", False),
    ("no_comma", "", "Rain is wet and cold.", True),
    ("no_comma", "", "Rain is wet, and cold.", False),
    ("begin", "Well", "Well, it rains.", True),
    ("begin", "Well", "Wells are deep holes.", False),
    ("finish", "Try it.", "Rain is wet. Try it.", True),
    ("finish", "Try it.", "Try it. Rain is wet.", False),
    ("digits", "", "It rained 3 times.", True),
    ("digits", "", "It rained three times.", False),
]


@pytest.mark.parametrize(("kind", "argument", "response", "keeps"), CASES)
def test_kept(kind: str, argument: str, response: str, keeps: bool) -> None:
    assert Constraint(kind, argument).kept(response) is keeps
    assert Constraint(kind, argument).kept(f"\n {response} ") is keeps


def test_every_kind_has_a_case_that_keeps_it_and_one_that_does_not() -> None:
    assert set(KINDS) == {kind for kind, _, _, keeps in CASES if keeps} | {"lower_case"}
    assert set(KINDS) == {kind for kind, _, _, keeps in CASES if not keeps} | {"exclamation", "short"}
    assert not set(TRAINED) & set(HELD_OUT)


@given(st.sampled_from(sorted(KINDS)), st.data(), st.text(max_size=40))
def test_hardly_any_words_keep_nothing(kind: str, data: st.DataObject, text: str) -> None:
    constraint = Constraint(kind, data.draw(st.sampled_from(KINDS[kind].arguments)))
    if len(constraints.words(text)) < constraints.LEAST_WORDS:
        assert not constraint.kept(text)


@given(st.integers(0, 10**6), st.booleans(), st.integers(1, 3))
def test_drawn_are_of_different_families(seed: int, held_out: bool, number: int) -> None:
    found = constraints.drawn(Random(seed), HELD_OUT if held_out else TRAINED, TRAINED, number)
    assert len({KINDS[one.kind].family for one in found}) == len(found) == number
    assert sum(one.kind in HELD_OUT for one in found) == held_out
    assert all(one.argument in KINDS[one.kind].arguments for one in found)
    assert found == constraints.drawn(Random(seed), HELD_OUT if held_out else TRAINED, TRAINED, number)


@given(st.text())
def test_any_text_can_be_checked(text: str) -> None:
    for kind, one in KINDS.items():
        for argument in one.arguments:
            assert Constraint(kind, argument).kept(text) in (True, False)
