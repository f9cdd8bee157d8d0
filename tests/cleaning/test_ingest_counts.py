"""Cleaned sources given literally: kept and dropped rows add up to the rows read, or it is an error."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from rlhf_data.cleaning import ingest_counts
from rlhf_data.cleaning.ingest import Cleaned
from rlhf_data.errors import TableError
from rlhf_data.schemas import Counts, PromptPool, Rejects
from rlhf_data.storage import tables

Drop = tuple[str, int, str]  # source, row, rule


def rejected(drops: list[Drop]) -> pl.DataFrame:
    rows = [(source, row, rule, "", "{}") for source, row, rule in drops]
    return pl.DataFrame(rows, schema=Rejects.create_empty().schema, orient="row")


def counted(rows: list[tuple[str, str, int, int, int]]) -> pl.DataFrame:
    noted = {"zoo": ([{"field": "tags", "records": 7}, {"field": "votes", "records": 2}], 3)}
    whole = [(*row, *noted.get(row[0], ([], 0))) for row in rows]
    return pl.DataFrame(whole, schema=Counts.create_empty().schema, orient="row")


EARLY = rejected([("zoo", 1, "empty_turn"), ("zoo", 4, "empty_turn"), ("zoo", 2, "too_long"), ("ark", 0, "duplicate")])
LATE = rejected([("ark", 5, "prompt_too_long")])
INGESTED = counted([("zoo", "preferences", 10, 7, 9), ("ark", "prompts", 6, 5, 5), ("farm", "prompts", 3, 3, 3)])


def test_the_report_adds_up() -> None:
    assert ingest_counts.report(INGESTED, [EARLY], LATE).rows() == [
        ("ark", "kept", 4, "", 0),
        ("ark", "duplicate", 1, None, None),
        ("ark", "prompt_too_long", 1, None, None),
        ("farm", "kept", 3, "", 0),
        ("zoo", "kept", 7, "tags 7; votes 2", 3),
        ("zoo", "empty_turn", 2, None, None),
        ("zoo", "too_long", 1, None, None),
    ]


def test_rows_that_vanish_are_an_error() -> None:
    with pytest.raises(TableError, match=r"do not add up to the rows read: zoo$"):
        ingest_counts.report(INGESTED, [EARLY[1:]], LATE)
    with pytest.raises(TableError, match=r"do not add up to the rows read: ark$"):
        ingest_counts.report(INGESTED, [EARLY[:3]], LATE)
    with pytest.raises(TableError, match="2 rejects are of records that another step dropped too"):
        ingest_counts.report(INGESTED, [EARLY], EARLY[:1])


def test_rejects_of_a_source_that_was_not_counted_are_an_error() -> None:
    with pytest.raises(TableError, match=r"unknown sources were dropped: zoo$"):
        ingest_counts.report(INGESTED[1:], [EARLY], LATE)


def test_tables_of_all_sources() -> None:
    prompt = [{"role": "user", "content": "Name a fish."}]
    schema = PromptPool.create_empty().schema
    pools = [pl.DataFrame([(source, 0, "a", prompt, None)], schema=schema, orient="row") for source in ("zoo", "ark")]
    ingested = {
        "zoo": Cleaned("prompts", pools[0], rejected([("zoo", 1, "too_long")]), 2, 1),
        "ark": Cleaned("prompts", pools[1], rejected([]), 1, 1, {"tags": 1}, 2),
    }
    assert ingest_counts.of_kind(ingested, "prompts")["source"].to_list() == ["zoo", "ark"]
    assert ingest_counts.of_kind(ingested, "instructions").height == 0
    assert ingest_counts.rejects(ingested)["source"].to_list() == ["zoo"]
    assert tables.check(ingest_counts.counts(ingested), Counts, Path("counts")).rows() == [
        ("zoo", "prompts", 2, 1, 1, [], 0),
        ("ark", "prompts", 1, 1, 1, [{"field": "tags", "records": 1}], 2),
    ]
