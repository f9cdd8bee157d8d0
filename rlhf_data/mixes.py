"""preferences → one mix: train and test by prompt, never by row, and what a cap leaves over."""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from rlhf_data.ids import fraction, is_held_out


class Mix(NamedTuple):
    """No prompt of `test` is in `train`; `unused` holds what the caps leave over, so that nothing is lost."""

    train: pl.DataFrame
    test: pl.DataFrame
    unused: pl.DataFrame


def mix(
    preferences: pl.DataFrame, *, held_out: float, max_pairs: int | None, max_test_pairs: int | None, seed: int
) -> Mix:
    """The pairs of all sources, in an order that the seed decides; held-out prompts make the test side."""
    order = [fraction(seed, "mix", pair_id) for pair_id in preferences["pair_id"]]
    test_side = [is_held_out(prompt_id, share=held_out, seed=seed) for prompt_id in preferences["prompt_id"]]
    ordered = preferences.with_columns(
        order=pl.Series(order, dtype=pl.Float64), test_side=pl.Series(test_side, dtype=pl.Boolean)
    ).sort("order", "pair_id")
    train, test = (
        ordered.filter(side).drop("order", "test_side") for side in (~pl.col("test_side"), pl.col("test_side"))
    )
    left = [side.slice(cap) for side, cap in ((train, max_pairs), (test, max_test_pairs)) if cap is not None]
    unused = pl.concat([train.clear(), *left])
    return Mix(train.head(max_pairs or train.height), test.head(max_test_pairs or test.height), unused)
