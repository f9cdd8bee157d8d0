"""Requests, their gold reward, and the labels of noisy annotators."""

from __future__ import annotations

import json
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlhf_data.errors import TableError
from rlhf_data.requests import constraints, gold, labels, records, topics
from rlhf_data.requests.constraints import Constraint
from rlhf_data.requests.gold import Request
from rlhf_data.requests.labels import Answer

RAIN = Request("rain", (Constraint("no_comma", ""), Constraint("question", "")))
REFERENCE = json.dumps(RAIN.written())
PROMPT = [{"role": "user", "content": "Describe rain. Use no commas. End with a question."}]


@pytest.mark.parametrize(
    ("response", "finished", "expected"),
    [
        ("Rain is wet is it not?", True, 1.0),
        ("Rain is wet, is it not?", True, 2 / 3),
        ("Snow is wet is it not?", True, 2 / 3),
        ("Rain is wet is it", False, 2 / 3 - 0.5),
        ("", True, -0.5),
        ("rain", True, 1 / 3 - 0.5),  # it names the topic, and is no answer
        ("Rain is wet. " * 4 + "Is it?", True, 1.0 - 7 / 12),  # 12 runs of three words, of which 5 are different
        ("Rain " + "x" * 295 + " is it?", True, 1.0 - 0.002 * 107),
    ],
)
def test_gold(response: str, finished: bool, expected: float) -> None:
    assert gold.reward(response, RAIN, finished=finished) == pytest.approx(expected)
    assert gold.of(REFERENCE, response, finished=finished) == pytest.approx(expected)


def test_gold_is_unknown_without_a_reference_and_refuses_another_ones() -> None:
    assert gold.of(None, "Rain is wet.", finished=True) is None
    for other in ("{", "[]", '{"answer": "5"}', '{"topic": "rain", "constraints": [["rhyme", ""]]}'):
        with pytest.raises(TableError):
            gold.read(other)
    assert gold.read(REFERENCE) == RAIN


@given(st.text(max_size=300), st.booleans())
def test_gold_of_any_text_is_at_most_one(text: str, finished: bool) -> None:
    assert -2.5 < gold.reward(text, RAIN, finished=finished) <= 1


def test_topics_are_named_once_and_held_out_ones_are_others() -> None:
    assert len(set(topics.TOPICS)) == len(topics.TOPICS) == len(topics.HELD_OUT) + len(topics.TRAINED)
    names = [{topics.name(topic) for topic in part} for part in (topics.HELD_OUT, topics.TRAINED)]
    assert not names[0] & names[1]


@pytest.mark.parametrize("part", ["trained", "held_out"])
def test_requests_say_what_their_reference_checks(part: records.Part) -> None:
    found = list(records.prompts(200, part, 0))
    assert found == list(records.prompts(200, part, 0)) != list(records.prompts(200, part, 1))
    assert len({one["prompt"][0]["content"] for one in found}) == 200
    names = {topics.name(topic) for topic in (topics.HELD_OUT if part == "held_out" else topics.TRAINED)}
    unknown = 0
    for one in found:
        request, text = gold.read(json.dumps(one["reference"])), one["prompt"][0]["content"]
        assert request.topic in names
        assert constraints.has(text, request.topic)
        assert all(constraint.text in text for constraint in request.constraints)
        unknown += any(constraint.kind in constraints.HELD_OUT for constraint in request.constraints)
    assert unknown == (100 if part == "held_out" else 0)


def labelled(*answers: Answer, sharpness: float = 6.0, seed: int = 0) -> list[dict[str, object]]:
    return list(labels.labelled(PROMPT, REFERENCE, answers, sharpness=sharpness, rng=Random(seed)))  # type: ignore[arg-type]


GOOD, FAIR, CUT = Answer("Rain is wet is it not?", True), Answer("Rain is wet.", True), Answer("Rain is, well", False)


def test_pairs_are_two_by_two_and_ties_have_no_label() -> None:
    assert len(labelled(GOOD, FAIR, GOOD, CUT)) == 2
    assert len(labelled(GOOD, FAIR, GOOD)) == 1
    assert labelled(GOOD, GOOD) == labelled(FAIR, Answer("Rain is cold.", True)) == []


def test_labels_are_as_noisy_as_they_say() -> None:
    found = [labelled(GOOD, FAIR, sharpness=3.0, seed=seed)[0] for seed in range(2000)]
    right = [one["chosen"] == GOOD.response for one in found]
    share = sum(right) / len(right)
    expected = 0.7310586  # σ(3 · (1 − 2/3))
    assert share == pytest.approx(expected, abs=0.04)  # four standard errors
    for one, is_right in zip(found, right, strict=True):
        assert one["label_probability"] == pytest.approx(expected if is_right else 1 - expected)
        assert (one["chosen_score"] > one["rejected_score"]) is is_right  # type: ignore[operator]
