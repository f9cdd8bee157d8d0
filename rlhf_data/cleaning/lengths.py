"""Tokens of each comparison's prompt and responses, for the rules that bound them and for Table 5."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl


def of_comparisons(pairs: pl.DataFrame, count: Callable[[pl.Series], pl.Series]) -> pl.DataFrame:
    """`pair_id` with `prompt_tokens`, `chosen_tokens` and `rejected_tokens`; `count` counts each conversation's."""
    said = {"prompt": pairs["prompt"]}
    for side in ("chosen", "rejected"):
        said[side] = pairs.select(pl.concat_list(pl.struct(content=side))).to_series()
    return pairs.select("pair_id").with_columns(**{f"{part}_tokens": count(texts) for part, texts in said.items()})
