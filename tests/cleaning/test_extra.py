"""Fields that a source names as `extra`: beside the rows they came with, in SQL."""

from __future__ import annotations

import json
from typing import Any

import duckdb
import polars as pl
import pytest
from pydantic import TypeAdapter

from rlhf_data.cleaning import ingest, ingest_counts
from rlhf_data.errors import SourceError
from rlhf_data.params.sources import Source
from rlhf_data.sources import formats

RECORDS: list[Any] = [
    {"ask": "Name a fish.", "tongue": "en", "facts": {"topic": "fish", "who": {"age": 4}}, "note": "a"},
    {"ask": "", "tongue": "en", "facts": {"topic": "none"}},
    {"ask": "Nomme un poisson.", "tongue": "fr", "facts": {"topic": None}},
    {"ask": "Name a tree."},
    {"ask": "Name a bird.", "tongue": ""},
]


def cleaned(records: list[Any] = RECORDS, **options: Any) -> ingest.Cleaned:
    given = {"format": "custom", "kind": "prompts", "path": "asks.jsonl", "prompt": "ask"} | options
    source: Any = TypeAdapter(Source).validate_python(given)
    parse = formats.parser(source.format, source.kind, vars(source) | {"seed": 0})
    return ingest.of_source(records, parse, source, name="asks", max_chars=1000, seed=0)


def extras(**options: Any) -> list[tuple[int, Any]]:
    found = ingest_counts.extras({"asks": cleaned(**options)})
    assert set(found["source"]) <= {"asks"}
    return [(row, json.loads(text)) for row, text in found.select("row", "extra").rows()]


def test_named_fields_stand_beside_the_rows_that_were_kept() -> None:
    assert extras(extra=["tongue", "facts.topic"]) == [
        (0, {"tongue": "en", "facts.topic": "fish"}),
        (2, {"tongue": "fr"}),
        (4, {"tongue": ""}),
    ]
    assert extras() == []


def test_what_is_carried_is_not_told_as_unread() -> None:
    assert cleaned().unread == {"tongue": 2, "facts": 2, "note": 1}
    assert cleaned(extra=["tongue", "facts"]).unread == {"note": 1}


def test_records_that_are_not_wanted_count_in_the_row_numbers() -> None:
    assert extras(extra=["tongue"], where={"tongue": "fr"}) == [(2, {"tongue": "fr"})]


def test_a_field_that_no_record_has_is_refused_with_those_near() -> None:
    with pytest.raises(SourceError, match=r"asks: extra names tonge, which none of 5 records has; near: tongue\n"):
        cleaned(extra=["tonge"])


def test_extras_are_asked_in_sql_by_source_and_row() -> None:
    found = cleaned(extra=["tongue", "facts.topic"])
    pool, extra = found.table, ingest_counts.extras({"asks": found})
    assert isinstance(pool, pl.DataFrame)
    with duckdb.connect() as db:
        db.register("pool", pool.to_arrow())
        db.register("extras", extra.to_arrow())
        asked = db.sql("select row, extra ->> 'facts.topic' from pool join extras using (source, row) order by row")
        assert asked.fetchall() == [(0, "fish"), (2, None), (4, None)]
