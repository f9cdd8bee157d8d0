"""Tables by kind over all sources, and counts of kept and dropped records, which add up exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import polars as pl

from rlhf_data.cleaning.validation import TABLES
from rlhf_data.errors import TableError
from rlhf_data.schemas import Counts, Extras

if TYPE_CHECKING:  # stages that count read no source
    from rlhf_data.cleaning.ingest import Cleaned

FIELDS = ("field", "records")  # of a count of unread fields


def of_kind(ingested: Mapping[str, Cleaned], kind: str) -> pl.DataFrame:
    """The rows of every source of that kind, in the params' order."""
    schema, _ = TABLES[kind]
    return pl.concat([schema.create_empty(), *(one.table for one in ingested.values() if one.kind == kind)])


def rejects(ingested: Mapping[str, Cleaned]) -> pl.DataFrame:
    """The dropped records of every source."""
    return pl.concat([cleaned.rejects for cleaned in ingested.values()])


def extras(ingested: Mapping[str, Cleaned]) -> pl.DataFrame:
    """The `Extras` of every source's records that gave a row; what a dropped one held stands in the rejects."""
    kept = [one.extras.join(one.table, on=("source", "row"), how="semi") for one in ingested.values()]
    return pl.concat([Extras.create_empty(), *kept])


def counts(ingested: Mapping[str, Cleaned]) -> pl.DataFrame:
    """`Counts`: records read and kept, and the rows they gave, by source."""
    return pl.DataFrame(
        {
            "source": list(ingested),
            "kind": [cleaned.kind for cleaned in ingested.values()],
            "raw": [cleaned.raw for cleaned in ingested.values()],
            "kept": [cleaned.kept for cleaned in ingested.values()],
            "rows": [cleaned.table.height for cleaned in ingested.values()],
            "unread": [
                [{"field": name, "records": records} for name, records in sorted(cleaned.unread.items())]
                for cleaned in ingested.values()
            ],
            "markup": [cleaned.markup for cleaned in ingested.values()],
        },
        schema=Counts.create_empty().schema,
    )


def notes(cleaned: Cleaned, source: str) -> list[str]:
    """What a person should know of a source's kept records, one line each."""
    lines = [f"{source}: field {name} is not read ({times} records)" for name, times in sorted(cleaned.unread.items())]
    if cleaned.markup:
        lines.append(f"{source}: {cleaned.markup} records hold special tokens of a chat template (`ingest.markup`)")
    if cleaned.trimmed:
        lines.append(f"{source}: {cleaned.trimmed} records lose a user's turn at their end (`trim_unanswered`)")
    return lines


def report(ingested: pl.DataFrame, rejects: Sequence[pl.DataFrame], later: pl.DataFrame) -> pl.DataFrame:
    """`source`, `rule`, `rows`: what each rule dropped, and `kept` for the rows that stay.

    Beside the kept rows stand the fields that were left unread, and how many records hold markup (`Counts`).

    `ingested` is `Counts`; `rejects` what each step before dropped; `later` what was kept by ingest
    and dropped after. Rows are records, and a record of comparisons counts as kept once ingest has kept it: what the
    mixes then drop are comparisons, which `mix_counts` counts for each mix. Raises `TableError` unless kept
    and dropped add up to the rows read.
    """
    records = pl.concat([*rejects, later])
    if unknown := sorted(set(records["source"]) - set(ingested["source"])):
        raise TableError(f"rows of unknown sources were dropped: {', '.join(unknown)}")
    if twice := records.select(pl.struct("source", "row").is_duplicated().sum()).item():
        raise TableError(f"{twice} rejects are of records that another step dropped too\n  `dvc repro report_cleaning`")
    dropped = records.group_by("source", "rule").agg(rows=pl.len().cast(pl.Int64))
    lost_later = later.group_by("source").agg(lost=pl.len().cast(pl.Int64))
    kept = ingested.join(lost_later, on="source", how="left", maintain_order="left").select(
        "source",
        rule=pl.lit("kept"),
        rows=pl.col("kept").cast(pl.Int64) - pl.col("lost").fill_null(0),
        unread=pl.col("unread").list.eval(pl.format("{} {}", *map(pl.element().struct.field, FIELDS))).list.join("; "),
        markup="markup",
    )
    table = pl.concat([kept, dropped], how="diagonal").sort("source", pl.col("rule") != "kept", "rule")
    sums = table.group_by("source").agg(pl.col("rows").sum())
    sums = sums.join(ingested.select("source", "raw"), on="source", how="left")
    if wrong := sums.filter(pl.col("rows").ne_missing(pl.col("raw")))["source"].sort().to_list():
        raise TableError(f"kept and dropped rows do not add up to the rows read: {', '.join(wrong)}")
    return table
