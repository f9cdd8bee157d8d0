"""All that starts with the same question falls on one side of the split, whatever it is for and however it goes on."""

from __future__ import annotations

import unicodedata
from functools import partial
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rlhf_data import hashing
from rlhf_data.cleaning import ingest, mixes, prompt_shards
from rlhf_data.evaluation import reward_tests
from rlhf_data.params.cleaning import MixParams
from rlhf_data.schemas import Message
from rlhf_data.sources.records import Comparison, Conversation, Prompt, Row

HELD_OUT, SEED = 0.5, 7
ANSWER: Message = {"role": "assistant", "content": "A carp."}
TEXT = st.text(min_size=1, max_size=12).filter(str.strip)
LATER = st.lists(TEXT, max_size=2)


def asked(text: str) -> Message:
    return {"role": "user", "content": text}


@st.composite
def conversations(draw: Any) -> tuple[str, list[list[Message]]]:
    """A question, and conversations that start with it in some spelling and end in a user's turn."""
    question = draw(TEXT)
    spellings = [question, f" {question}\r\n", unicodedata.normalize("NFD", question.replace("\n", "\r\n"))]
    found: list[list[Message]] = [[asked(question)]]
    for _ in range(draw(st.integers(1, 5))):
        system: list[Message] = [{"role": "system", "content": one} for one in draw(st.lists(TEXT, max_size=1))]
        more = [turn for text in draw(LATER) for turn in (ANSWER, asked(text))]
        found.append([*system, asked(draw(st.sampled_from(spellings))), *more])
    return question, found


def cleaned(kind: str, rows: list[Row]) -> ingest.Cleaned:
    held_out = partial(hashing.is_held_out, share=HELD_OUT, seed=SEED)
    return ingest.clean(rows, lambda row: [row], source="zoo", kind=kind, max_chars=1000, held_out=held_out)


@settings(max_examples=150, deadline=None)
@given(conversations())
def test_one_first_question_is_on_one_side_in_sft_comparisons_prompts_and_tests(
    given: tuple[str, list[list[Message]]],
) -> None:
    question, prompts = given
    held = hashing.is_held_out(question, share=HELD_OUT, seed=SEED)

    told = cleaned("instructions", [Conversation([*one, ANSWER]) for one in prompts])
    assert told.table.is_empty() if held else "held_out_prompt" not in told.rejects["rule"]

    compared = cleaned("preferences", [Comparison(one, "A carp.", "Tea.") for one in prompts]).table
    wanted = MixParams(sources={"zoo": 1}, max_pairs=None, max_test_pairs=None)
    sides = mixes.mix(compared, wanted, held_out=HELD_OUT, seed=SEED)
    assert (sides.train.height, sides.test.height) == ((0, compared.height) if held else (compared.height, 0))
    tests = reward_tests.held_out(sides.test, most=100, seed=SEED)
    assert tests.height == sides.test.height

    pool = cleaned("prompts", [Prompt(one) for one in prompts]).table
    others = [Prompt([asked(f"What is {n}?")]) for n in range(40)]
    whole = cleaned("prompts", [*(Prompt(one) for one in prompts), *others]).table
    shards = prompt_shards.deal(
        whole, dict.fromkeys(("iter1", "iter2", "dev", "test"), 1000), shards=2, held_out=HELD_OUT, seed=SEED
    )
    there = {name for name, shard in shards.items() if not shard.join(pool, on="prompt_id", how="semi").is_empty()}
    assert there
    assert there <= ({"dev", "test"} if held else {"iter1", "iter2"})
