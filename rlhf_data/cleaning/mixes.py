"""One mix: train and test sides split by prompt, and what shares and caps leave over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import polars as pl

from rlhf_data.errors import TableError
from rlhf_data.hashing import first_questions, fraction, is_held_out
from rlhf_data.params.cleaning import MixParams


class Mix(NamedTuple):
    """No prompt of `test` is in `train`; `unused` holds what was not drawn, so that nothing is lost."""

    train: pl.DataFrame
    test: pl.DataFrame
    unused: pl.DataFrame


def of_sources(preferences: pl.DataFrame, shares: Mapping[str, float] | None) -> pl.DataFrame:
    """The comparisons of the sources that `shares` names, in its order; null names all, by name.

    Raises `TableError` for a source that has none.
    """
    if shares is None:
        return preferences.sort("source", maintain_order=True)
    if absent := sorted(set(shares) - set(preferences["source"])):
        known = ", ".join(preferences["source"].unique().sort())
        raise TableError(f"no comparisons of {', '.join(absent)}\n  there are those of: {known}")
    return pl.concat([preferences.filter(pl.col("source") == source) for source in shares])


def mix(preferences: pl.DataFrame, wanted: MixParams, *, held_out: float, seed: int) -> Mix:
    """The pairs in an order that the seed decides; held-out prompts make the test side.

    Of every source its share is drawn, by the pairs' content; of these, each side takes the first up to its cap. So
    a new source moves no pair to the other side, and a smaller share or cap draws a part of what a larger one does.
    """
    order = [fraction(seed, "mix", pair_id) for pair_id in preferences["pair_id"]]
    test_side = [is_held_out(one, share=held_out, seed=seed) for one in first_questions(preferences)]
    drawn = [
        wanted.sources is None or fraction(seed, "share", pair_id) < wanted.sources[source]
        for source, pair_id in preferences.select("source", "pair_id").iter_rows()
    ]
    drawing = {"order": order, "test_side": test_side, "drawn": drawn}
    kinds = {"order": pl.Float64, "test_side": pl.Boolean, "drawn": pl.Boolean}
    ordered = pl.concat([preferences, pl.DataFrame(drawing, schema=kinds)], how="horizontal").sort("order", "pair_id")

    made, left = [], [ordered.filter(~pl.col("drawn"))]
    for side, cap in ((~pl.col("test_side"), wanted.max_pairs), (pl.col("test_side"), wanted.max_test_pairs)):
        due = ordered.filter("drawn", side)
        made.append(due.head(due.height if cap is None else cap))
        left.append(due.slice(made[-1].height))
    return Mix(*(table.drop(kinds) for table in (*made, pl.concat(left))))
