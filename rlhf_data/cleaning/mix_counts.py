"""Counts of a mix: comparisons kept and dropped, by source and rule, which add up exactly."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import polars as pl

from rlhf_data.errors import TableError


def of_mix(
    mix: str,
    sources: Collection[str] | None,
    *,
    sides: Mapping[str, pl.DataFrame],
    dropped: pl.DataFrame,
    ingested: pl.DataFrame,
) -> pl.DataFrame:
    """`mix`, `source`, `rule`, `rows`: comparisons on each of its `sides`, and those that each rule dropped.

    `sources` are the mix's, null is every source of preferences; `sides` are train, test and unused; `dropped` is
    `MixRejects`, `ingested` is `Counts`. Raises `TableError` unless the rows of every source add up to those that
    ingest gave.
    """
    named = [table.select("source", rule=pl.lit(side)) for side, table in sides.items()]
    found = pl.concat([*named, dropped.select("source", "rule")])
    counted = found.group_by("source", "rule").agg(rows=pl.len().cast(pl.Int64))
    wanted = pl.lit(True) if sources is None else pl.col("source").is_in(list(sources))
    offered = ingested.filter(pl.col("kind") == "preferences", wanted).select("source", offered="rows")
    sums = counted.group_by("source").agg(pl.col("rows").sum()).join(offered, on="source", how="full", coalesce=True)
    if wrong := sums.filter(pl.col("rows").ne_missing(pl.col("offered")))["source"].sort().to_list():
        raise TableError(f"mix {mix}: its comparisons do not add up to those that ingest gave: {', '.join(wrong)}")
    places = {rule: place for place, rule in enumerate(sides)}
    order = pl.col("rule").replace_strict(places, default=len(places), return_dtype=pl.Int64)
    return counted.select(pl.lit(mix).alias("mix"), "source", "rule", "rows").sort("source", order, "rule")
