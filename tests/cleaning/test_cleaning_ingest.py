"""Rows given literally, and which of them are kept, under which id, and which rule drops the others."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import dataframely as dy
import polars as pl
import pytest

from rlhf_data.cleaning import ingest, ingest_counts
from rlhf_data.errors import SourceError
from rlhf_data.hashing import content_id, conversation_id
from rlhf_data.params.sources import FileSource
from rlhf_data.schemas import Instructions, Message, Preferences, PromptPool, Rejects
from rlhf_data.sources.records import BadRecord, Comparison, Conversation, Prompt, Row
from rlhf_data.storage import tables

FISH: list[Message] = [{"role": "user", "content": "Name a fish."}]
BIRD: list[Message] = [{"role": "user", "content": "Name a bird."}]
CARP: list[Message] = [*FISH, {"role": "assistant", "content": "A carp."}]
SYSTEM: Message = {"role": "system", "content": "Be brief."}


def clean(*rows: Row | Sequence[Row] | BadRecord, kind: str = "preferences") -> ingest.Cleaned:
    """Each record is named by its number, and gives the rows, or the refusal, that stand there."""

    def parse(record: Any) -> Sequence[Row]:
        found = rows[record]
        if isinstance(found, BadRecord):
            raise found
        return [found] if isinstance(found, Comparison | Conversation | Prompt) else found

    cleaned = ingest.clean(range(len(rows)), parse, source="zoo", kind=kind, max_chars=100)
    assert cleaned.raw == len(rows) == cleaned.kept + cleaned.rejects.height
    return cleaned


def rules(cleaned: ingest.Cleaned) -> list[tuple[int, str, str]]:
    return cleaned.rejects.select("row", "rule", "detail").rows()


def test_preferences_have_ids_and_margins() -> None:
    cleaned = clean(
        Comparison(FISH, "A carp.", "A whale.", 1.5, 0.25, "simulated", 0.75), Comparison(BIRD, "A wren.", "A bat.")
    )
    fish, bird = (
        {"source": "zoo", "row": 0, "prompt_id": conversation_id(FISH), "prompt": FISH},
        {"source": "zoo", "row": 1, "prompt_id": conversation_id(BIRD), "prompt": BIRD},
    )
    assert cleaned.table.to_dicts() == [
        {"pair_id": content_id("zoo", conversation_id(FISH), "A carp.", "A whale."), **fish}
        | {"chosen": "A carp.", "rejected": "A whale.", "chosen_score": 1.5, "rejected_score": 0.25, "margin": 1.25}
        | {"annotator": "simulated", "label_probability": 0.75},
        {"pair_id": content_id("zoo", conversation_id(BIRD), "A wren.", "A bat."), **bird}
        | {"chosen": "A wren.", "rejected": "A bat.", "chosen_score": None, "rejected_score": None, "margin": None}
        | {"annotator": "human", "label_probability": None},
    ]


def test_instructions_and_prompts() -> None:
    assert clean(Conversation([SYSTEM, *CARP]), kind="instructions").table.to_dicts() == [
        {"conversation_id": conversation_id([SYSTEM, *CARP]), "source": "zoo", "row": 0, "messages": [SYSTEM, *CARP]}
    ]
    assert clean(Prompt(FISH, '{"answer": "A carp."}'), kind="prompts").table.to_dicts() == [
        {"source": "zoo", "row": 0, "prompt_id": conversation_id(FISH), "prompt": FISH}
        | {"reference": '{"answer": "A carp."}'}
    ]


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        (Comparison(FISH, "A carp.", "A carp."), "same_response"),
        (Comparison(FISH, "", "A carp."), "empty_turn"),
        (Comparison(FISH, "A carp.", ""), "empty_turn"),
        (Comparison([{"role": "user", "content": ""}], "A carp.", "A whale."), "empty_turn"),
        (Comparison([{"role": "system", "content": ""}, *FISH], "A carp.", "A whale."), "empty_turn"),
        (Comparison([], "A carp.", "A whale."), "turns_out_of_order"),
        (Comparison([SYSTEM], "A carp.", "A whale."), "turns_out_of_order"),
        (Comparison([SYSTEM, SYSTEM, *FISH], "A carp.", "A whale."), "turns_out_of_order"),
        (Comparison([*FISH, SYSTEM, *FISH], "A carp.", "A whale."), "turns_out_of_order"),
        (Comparison([*FISH, *BIRD], "A carp.", "A whale."), "turns_out_of_order"),
        (Comparison(CARP, "A carp.", "A whale."), "turns_out_of_order"),
        (Comparison(FISH, "A carp.", "A whale.", math.nan, 0.0), "not_a_number"),
        (Comparison(FISH, "A carp.", "A whale.", 1.0, -math.inf), "not_a_number"),
        (Comparison(FISH, "A carp.", "A whale.", 1e308, -1e308), "not_a_number"),  # their margin overflows
        (Comparison(FISH, "A carp.", "A whale.", label_probability=1.5), "not_a_probability"),
    ],
)
def test_bad_comparisons(row: Comparison, rule: str) -> None:
    assert [found for _, found, _ in rules(clean(row))] == [rule]


@pytest.mark.parametrize(
    ("kind", "row", "rule"),
    [
        ("instructions", Conversation(FISH), "turns_out_of_order"),
        ("instructions", Conversation(CARP[1:]), "turns_out_of_order"),
        ("instructions", Conversation([*FISH, {"role": "assistant", "content": ""}]), "empty_turn"),
        ("prompts", Prompt(CARP), "turns_out_of_order"),
        ("prompts", Prompt([]), "turns_out_of_order"),
    ],
)
def test_bad_conversations_and_prompts(kind: str, row: Row, rule: str) -> None:
    assert [found for _, found, _ in rules(clean(row, kind=kind))] == [rule]


def test_the_earlier_of_two_equal_or_opposite_labels_stays() -> None:
    cleaned = clean(
        Comparison(FISH, "A carp.", "A whale."),
        Comparison(FISH, "A carp.", "A whale.", 2.0, 1.0),
        Comparison(FISH, "A whale.", "A carp."),
        Comparison(BIRD, "A whale.", "A carp."),
    )
    assert cleaned.table["row"].to_list() == [0, 3]
    assert rules(cleaned) == [
        (1, "duplicate", "says the same as zoo row 0"),
        (2, "conflicting_label", "zoo row 0 prefers the other response"),
    ]


def test_a_dropped_row_makes_no_later_one_a_duplicate() -> None:
    spoilt = Comparison(FISH, "A carp.", "A whale.", math.nan, 0.0)
    assert clean(spoilt, Comparison(FISH, "A carp.", "A whale.")).table["row"].to_list() == [1]


def test_duplicates_of_instructions_and_prompts() -> None:
    same = [(1, "duplicate", "says the same as zoo row 0")]
    assert rules(clean(Conversation(CARP), Conversation(CARP), kind="instructions")) == same
    assert rules(clean(Prompt(FISH), Prompt(FISH, "{}"), kind="prompts")) == same


def test_user_turns_that_nobody_answered_are_trimmed_when_asked_for(tmp_path: Path) -> None:
    bird: Message = {"role": "user", "content": "Name a bird."}
    source = FileSource(format="standard", kind="instructions", path="a.jsonl", trim_unanswered=True)
    records = [[*CARP, bird], [SYSTEM, *CARP, bird, bird], CARP, [SYSTEM, *FISH], BIRD]

    def cleaned(source: FileSource) -> ingest.Cleaned:
        parse = lambda record: [Conversation(record)]  # noqa: E731
        return ingest.of_source(records, parse, source, name="zoo", max_chars=100, seed=0)

    kept = cleaned(source)
    assert kept.table["messages"].to_list() == [CARP, [SYSTEM, *CARP]]
    assert [(row, rule) for row, rule, _ in rules(kept)] == [
        (2, "duplicate"),
        (3, "turns_out_of_order"),
        (4, "turns_out_of_order"),
    ]
    said = "zoo: 3 records lose a user's turn at their end (`trim_unanswered`)"
    assert said in ingest_counts.notes(kept, "zoo")
    as_it_is = cleaned(replace(source, trim_unanswered=False))
    assert as_it_is.table["messages"].to_list() == [CARP]
    assert said not in ingest_counts.notes(as_it_is, "zoo")
    assert as_it_is.trimmed == 0
    assert [row for row, rule, _ in rules(as_it_is) if rule == "turns_out_of_order"] == [0, 1, 3, 4]


@pytest.mark.parametrize(
    ("where", "kept"),
    [
        ({"lang": "en"}, [0, 1]),
        ({"lang": ["en", "de"]}, [0, 1, 2]),
        ({"lang": None}, [3, 4]),
        ({"lang": [None, "DE"]}, [2, 3, 4]),
        ({"stars": 5}, [0, 2]),
        ({"stars": 5, "lang": "en"}, [0]),
        ({"meta.good": True}, [1, 4]),
        ({"meta.good": False}, [2]),
        ({"meta.tags.0": "zoo"}, [0]),
    ],
)
def test_records_are_wanted_by_their_fields(where: dict[str, Any], kept: list[int]) -> None:
    source = FileSource(format="standard", kind="prompts", path="a.jsonl", where=where)
    records = [
        {"lang": "en", "stars": 5, "meta": {"tags": ["zoo"]}},
        {"lang": " EN ", "stars": True, "meta": {"good": True}},
        {"lang": "de", "stars": "5.0", "meta": {"good": "false"}},
        {"lang": None, "stars": None},
        {"meta": {"good": "True"}},
    ]

    def parse(record: Any) -> list[Prompt]:
        return [Prompt([{"role": "user", "content": f"Name fish {records.index(record)}."}])]

    cleaned = ingest.of_source(records, parse, source, name="zoo", max_chars=100, seed=0)
    assert cleaned.table["row"].to_list() == kept
    assert {rule for _, rule, _ in rules(cleaned)} == {"not_wanted"}
    assert cleaned.kept + cleaned.rejects.height == len(records)


def test_the_value_that_is_not_wanted_is_told() -> None:
    source = FileSource(format="standard", kind="prompts", path="a.jsonl", where={"lang": "en"})
    with pytest.raises(SourceError, match=r"not_wanted \(1 records\), the first: lang is .fr.\n  no record"):
        ingest.of_source([{"lang": "fr"}], lambda record: [], source, name="zoo", max_chars=9, seed=0)


def test_a_record_is_kept_with_its_good_rows() -> None:
    good, bad = Comparison(FISH, "A carp.", "A whale."), Comparison(FISH, "A carp.", "")
    cleaned = clean([bad, good, good, Comparison(FISH, "A carp.", "A bat.")], [bad, good], [])
    assert cleaned.table.select("row", "rejected").rows() == [(0, "A whale."), (0, "A bat.")]
    assert cleaned.kept == 1
    assert [(row, rule) for row, rule, _ in rules(cleaned)] == [(1, "empty_turn"), (2, "no_rows")]


def test_a_record_gives_one_prompt() -> None:
    cleaned = clean(Prompt(FISH), [Prompt(FISH), Prompt(BIRD), Prompt([SYSTEM, *FISH])], kind="prompts")
    assert cleaned.table.select("row", "prompt").rows() == [(0, FISH), (1, BIRD)]


def test_too_long_counts_characters_and_comes_after_layout() -> None:
    def parse(record: Any) -> Sequence[Row]:
        if record == "y" * 99:
            raise BadRecord("wrong_layout", "y")
        return [Prompt([{"role": "user", "content": record}])]

    records = ["é" * 100, "x" * 101, "y" * 99]
    cleaned = ingest.clean(records, parse, source="zoo", kind="prompts", max_chars=100)
    assert rules(cleaned) == [(1, "too_long", "101 characters; at most 100"), (2, "wrong_layout", "y")]


def test_rejects_hold_the_record_as_json() -> None:
    def parse(record: Any) -> Sequence[Row]:
        raise BadRecord("wrong_layout", f"has {record[0]}")

    records = [["\ud83d", {"día": None}], ["x" * 30_000]]
    rejects = ingest.clean(records, parse, source="zoo", kind="prompts", max_chars=100).rejects
    assert json.loads(rejects["raw"][0]) == records[0]
    assert rejects["raw"].str.len_chars().to_list() == [30, 20_000]
    assert rejects["detail"].to_list() == ["has \\ud83d", "has " + "x" * 496]


@pytest.mark.parametrize(
    ("kind", "schema"), [("preferences", Preferences), ("instructions", Instructions), ("prompts", PromptPool)]
)
def test_tables_keep_their_types_when_empty(kind: str, schema: type[dy.Schema]) -> None:
    cleaned = clean(kind=kind)
    assert cleaned.table.schema == schema.create_empty().schema
    assert cleaned.rejects.schema == Rejects.create_empty().schema
    assert tables.check(cleaned.table, schema, Path("empty")).height == 0


def test_refuse_nothing_kept_names_the_commonest_rule() -> None:
    bad = [BadRecord("tie", "1 = 1"), BadRecord("wrong_layout", "no field 'a'"), BadRecord("wrong_layout", "null")]
    with pytest.raises(SourceError) as caught:
        ingest.refuse_nothing_kept(clean(*bad), "pairs.jsonl", "pandalm")
    assert str(caught.value) == (
        "pairs.jsonl: 0 of 3 records can be used as pandalm\n"
        "  wrong_layout (2 records), the first: no field 'a'\n"
        "  is it another format? correct the source's `format` or `kind` in the params"
    )
    with pytest.raises(SourceError, match="no records"):
        ingest.refuse_nothing_kept(clean(), "pairs.jsonl", "pandalm")
    ingest.refuse_nothing_kept(clean(*bad, Comparison(FISH, "A carp.", "A whale.")), "pairs.jsonl", "pandalm")


def test_columns_do_not_depend_on_the_rows() -> None:
    unscored = clean(Comparison(FISH, "A carp.", "A whale."))
    assert unscored.table.schema == Preferences.create_empty().schema
    assert unscored.table["row"].dtype == pl.UInt32
