"""All that starts with the same question falls on one side of the split: SFT, comparisons, prompts, of any length."""

from __future__ import annotations

from functools import partial
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from rlhf_data import hashing
from rlhf_data.cleaning import ingest, mixes, prompt_shards
from rlhf_data.params.cleaning import MixParams
from rlhf_data.sources.formats import parser

SHARE, SEED = 0.5, 3
SYSTEMS = (None, "Be brief.", "Answer in French.", "")
AFTER: tuple[list[str], ...] = ([], ["Why?"], ["Why?", "And then?"])  # what the user goes on to say


def conversation(question: str, system: str | None, after: list[str], spelt: str) -> list[dict[str, str]]:
    """A talk that starts with a question, up to a last user turn, with an answer between each two."""
    said = [{"role": "user", "content": spelt.replace("Q", question)}]
    for more in after:
        said += [{"role": "assistant", "content": f"An answer to {question}."}, {"role": "user", "content": more}]
    return said if system is None else [{"role": "system", "content": system}, *said]


def cleaned(records: list[Any], format: str, kind: str, **given: Any) -> ingest.Cleaned:
    return ingest.clean(records, parser(format, kind), source="zoo", kind=kind, max_chars=9999, **given)


@given(
    st.sampled_from([f"Question {n}?" for n in range(40)]),
    st.sampled_from(SYSTEMS),
    st.sampled_from(AFTER),
    st.sampled_from(["Q", " Q\n", "\r\nQ "]),
)
@settings(max_examples=60, deadline=None)
def test_one_question_is_on_one_side_in_every_kind_of_data(
    question: str, system: str | None, after: list[str], spelt: str
) -> None:
    side = hashing.is_held_out(question, share=SHARE, seed=SEED)
    held_out = partial(hashing.is_held_out, share=SHARE, seed=SEED)
    asked = conversation(question, system, after, spelt)
    answered = [*asked, {"role": "assistant", "content": "Yes."}]

    talks = cleaned([{"messages": answered}], "messages", "instructions", held_out=held_out)
    assert talks.rejects["rule"].to_list() == (["held_out_prompt"] if side else [])

    pair = {"chosen": answered, "rejected": [*asked, {"role": "assistant", "content": "No."}]}
    made = mixes.mix(
        cleaned([pair], "standard", "preferences").table,
        MixParams(sources=None, max_pairs=None, max_test_pairs=None), held_out=SHARE, seed=SEED,
    )  # fmt: skip
    assert (made.train.height, made.test.height) == ((0, 1) if side else (1, 0))


def test_prompts_are_dealt_by_their_first_question() -> None:
    records = [{"context_messages": conversation(f"Question {n}?", system, after, "Q")}
               for n in range(60) for system in SYSTEMS[:3] for after in AFTER]  # fmt: skip
    pool = cleaned(records, "context_messages", "prompts").table.with_columns(prompt_tokens=pl.lit(5, pl.UInt32))
    sizes = {"iter1": 999, "dev": 999, "test": 999}
    shards = prompt_shards.deal(pool, sizes, shards=1, held_out=SHARE, seed=SEED)
    sides = {name: set(hashing.first_questions(shards[name])) for name in sizes}
    assert sum(shard.height for shard in shards.values()) == 60 * 9
    assert sides["iter1"].isdisjoint(sides["dev"] | sides["test"])
    assert len(sides["iter1"]) > 15
    assert len(sides["dev"] | sides["test"]) > 15
