"""Known hashes: a change here would move prompts between train and test, and redraw every response."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlhf_data import hashing
from rlhf_data.schemas import Message

FISH: list[Message] = [{"role": "user", "content": "Name a fish."}]


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ((), "4f53cda18c2baa0c0354bb5f9a3ecbe5"),
        (("a", "b"), "3554d2b8a1e34099053865de8576d146"),
        (("ab",), "f9ca6d378adafba7c7de88d13d0e9126"),
        (("é\ud83d\n",), "742f36401576a6387903d91ee65e7f33"),
    ],
)
def test_content_id_never_changes(parts: tuple[str, ...], expected: str) -> None:
    assert hashing.content_id(*parts) == expected


def test_conversation_id_never_changes() -> None:
    assert hashing.conversation_id(FISH) == "1629b079fcccb0f2b5ca80889f9120a6"
    assert hashing.conversation_id(FISH) == hashing.content_id("user", "Name a fish.")


def test_conversation_id_tells_roles_and_turns_apart() -> None:
    others: list[list[Message]] = [
        [],
        [{"role": "system", "content": "Name a fish."}],
        [{"role": "user", "content": "Name a fish"}, {"role": "user", "content": "."}],
        [*FISH, *FISH],
    ]
    assert len({hashing.conversation_id(messages) for messages in [FISH, *others]}) == 5


def test_fraction_never_changes_and_depends_on_each_part() -> None:
    assert hashing.fraction(0, "mix", "a") == 0.36189374009445635
    assert hashing.fraction(1, "mix", "a") == 0.8920855817593923
    assert hashing.fraction(0, "mix", "b") == 0.9899538444420484
    assert (
        len({hashing.fraction(0, *parts) for parts in [("mix", "a"), ("mixa",), ("a", "mix"), ("mix", "a", "")]}) == 4
    )


def test_fractions_are_even() -> None:
    found = [hashing.fraction(0, str(n)) for n in range(4000)]
    assert all(0 <= one < 1 for one in found)
    # standard error of a share of 4000: at most 0.008
    for share in (0.25, 0.5, 0.75):
        assert sum(one < share for one in found) / 4000 == pytest.approx(share, abs=0.03)


def test_held_out_never_changes() -> None:
    held_out = [name for name in "abcdefghijkl" if hashing.is_held_out(name, share=0.25, seed=0)]
    assert held_out == ["d", "e", "k", "l"]
    # as the hash of a prompt of one turn always decided
    ids = {name: hashing.conversation_id([{"role": "user", "content": name}]) for name in "abcdefghijkl"}
    assert held_out == [name for name, one in ids.items() if hashing.fraction(0, "held_out", one) < 0.25]
    assert not any(hashing.is_held_out(name, share=0.0, seed=0) for name in "abcdefghijkl")


def test_row_seed_never_changes_and_depends_on_each_part() -> None:
    assert hashing.row_seed(0, "a", 0) == 7756895851570414870
    assert hashing.row_seed(7, "é", 3) == 4439676194644825460
    others = [
        hashing.row_seed(1, "a", 0),
        hashing.row_seed(0, "b", 0),
        hashing.row_seed(0, "a", 1),
        hashing.row_seed(0, "a", 10),
    ]
    assert len({7756895851570414870, *others}) == 5


def test_row_seeds_fit_an_int64() -> None:
    found = [hashing.row_seed(0, "a", sample) for sample in range(1000)]
    assert all(0 <= seed < 2**63 for seed in found)
    assert max(found) > 2**62
    assert len(set(found)) == 1000


@given(
    st.text(),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["NFC", "NFD"]),
    st.sampled_from(["", " ", "\n", "\t\r\n"]),
)
def test_spellings_of_a_prompt_have_one_id_and_fall_on_one_side(text: str, line: str, form: Any, space: str) -> None:
    spelt = (
        space + unicodedata.normalize(form, text.replace("\r\n", "\n").replace("\r", "\n")).replace("\n", line) + space
    )
    one, other = ([{"role": "user", "content": said}] for said in (text, spelt))
    assert hashing.conversation_id(one) == hashing.conversation_id(other)  # type: ignore[arg-type]
    assert hashing.is_held_out(text, share=0.5, seed=1) == hashing.is_held_out(spelt, share=0.5, seed=1)


def test_texts_that_differ_in_more_have_ids_of_their_own() -> None:
    texts = ["Name a fish", "name a fish", "Name  a fish", "Name a\nfish", "Name a ﬁsh", "Name a fish.", ""]
    assert len({hashing.conversation_id([{"role": "user", "content": text}]) for text in texts}) == len(texts)
