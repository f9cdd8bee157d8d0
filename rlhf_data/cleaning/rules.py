"""Named rules: a table → the rows that are kept, and those dropped, each with its rule.

A rule is a function of the rows that earlier rules kept; it gives each a reason to drop it, or null.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl

from rlhf_data.cleaning.decontamination import Evaluation, given_away
from rlhf_data.cleaning.near_duplicates import Repeat

Judge = Callable[[pl.DataFrame], pl.Series]
PLACE = pl.format("{} row {}", "source", "row")


def screen(table: pl.DataFrame, judges: Mapping[str, Judge]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows that no rule drops, and the others with `rule`, its name, and `detail`, its reason."""
    dropped = [table.clear().with_columns(rule=pl.lit(None, pl.String), detail=pl.lit(None, pl.String))]
    for rule, judge in judges.items():
        judged = table.with_columns(pl.lit(rule).alias("rule"), judge(table).cast(pl.String).alias("detail"))
        dropped.append(judged.filter(pl.col("detail").is_not_null()))
        table = judged.filter(pl.col("detail").is_null()).drop("rule", "detail")
    return table, pl.concat(dropped)


def contaminated(table: pl.DataFrame, against: Evaluation) -> pl.Series:
    """Which evaluation item a row's prompt repeats; every distinct prompt is looked up once."""
    asked = table.unique("prompt_id", keep="first", maintain_order=True).select("prompt_id", "prompt")
    found = asked.select("prompt_id", detail=pl.Series(given_away(asked["prompt"], against), dtype=pl.String))
    return table.join(found, on="prompt_id", how="left", validate="m:1", maintain_order="left")["detail"]


def contents(prompts: pl.Series) -> list[str]:
    """The text of all turns of each prompt."""
    said: list[str] = prompts.list.eval(pl.element().struct.field("content")).list.join("\n").to_list()
    return said


def nearest(found: list[Repeat | None]) -> list[int]:
    """The position of the text that each repeats; its own where it repeats none."""
    return [place if repeat is None else repeat.of for place, repeat in enumerate(found)]
