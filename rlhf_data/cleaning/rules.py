"""A table and named rules in, the rows that stay and those dropped out, each of the latter with one rule.

A judge looks at the rows that the rules before it left, and says of each why it is dropped; null where it stays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl

from rlhf_data.cleaning.decontamination import Evaluation, given_away
from rlhf_data.cleaning.near_duplicates import Repeat

Judge = Callable[[pl.DataFrame], pl.Series]
PLACE = pl.format("{} row {}", "source", "row")


def screen(table: pl.DataFrame, judges: Mapping[str, Judge]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows that no judge drops, and the others with `rule`, the judge's name, and `detail`, what it said."""
    dropped = [table.clear().with_columns(rule=pl.lit(None, pl.String), detail=pl.lit(None, pl.String))]
    for rule, judge in judges.items():
        judged = table.with_columns(pl.lit(rule).alias("rule"), judge(table).cast(pl.String).alias("detail"))
        dropped.append(judged.filter(pl.col("detail").is_not_null()))
        table = judged.filter(pl.col("detail").is_null()).drop("rule", "detail")
    return table, pl.concat(dropped)


def contaminated(table: pl.DataFrame, against: Evaluation) -> pl.Series:
    """Which evaluation item a row's prompt gives away; every prompt is looked at once."""
    asked = table.unique("prompt_id", keep="first", maintain_order=True).select("prompt_id", "prompt")
    found = asked.select("prompt_id", detail=pl.Series(given_away(asked["prompt"], against), dtype=pl.String))
    return table.join(found, on="prompt_id", how="left", validate="m:1", maintain_order="left")["detail"]


def contents(prompts: pl.Series) -> list[str]:
    """What is said in each prompt, by all sides."""
    said: list[str] = prompts.list.eval(pl.element().struct.field("content")).list.join("\n").to_list()
    return said


def nearest(found: list[Repeat | None]) -> list[int]:
    """The place of the text that each repeats; of a text that stays, its own."""
    return [place if repeat is None else repeat.of for place, repeat in enumerate(found)]
