"""Pairwise judging in both orders: the order in which two responses are shown, and the mean over both orders."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import polars as pl

from rlhf_data import hashing
from rlhf_data.inference.protocols import Judge, ResponsePair


def shown(preferences: pl.DataFrame, *, positions: Literal["drawn", "both"], seed: int) -> pl.DataFrame:
    """Comparisons as a judge is shown them: `pair_id`, `prompt`, `first`, `second`, `chosen_first`.

    `drawn`: one row per comparison, in which a hash of its `pair_id` and the seed decides whether the chosen response
    comes first (the released code draws it unseeded); `both`: after that row comes the other order.
    """
    first = [hashing.fraction(seed, "chosen_position", pair_id) < 0.5 for pair_id in preferences["pair_id"]]
    drawn = preferences.with_columns(chosen_first=pl.Series(first, dtype=pl.Boolean))
    if positions == "both":
        turned = [pl.col("chosen_first"), ~pl.col("chosen_first")]
        drawn = drawn.with_columns(chosen_first=pl.concat_list(turned)).explode("chosen_first")
    stands_first = pl.when("chosen_first")
    return drawn.select(
        "pair_id",
        "prompt",
        first=stands_first.then("chosen").otherwise("rejected"),
        second=stands_first.then("rejected").otherwise("chosen"),
        chosen_first="chosen_first",
    )


def both_orders(
    judge: Judge, comparisons: Sequence[ResponsePair], orders: Literal["both", "one"]
) -> tuple[list[float], list[float]]:
    """P(first is better) of each comparison, as shown and with the two responses swapped.

    Both are probabilities of the comparison's own first response. The second is NaN throughout where `orders` is one.
    """
    if orders == "one":
        return judge.prefer(comparisons), [math.nan] * len(comparisons)
    turned = [ResponsePair(prompt, second, first) for prompt, first, second in comparisons]
    verdicts = judge.prefer([*comparisons, *turned])  # one call: both orders have the same prompt
    return verdicts[: len(comparisons)], [1 - verdict for verdict in verdicts[len(comparisons) :]]


def average(shown: Sequence[float], turned: Sequence[float]) -> list[float]:
    """The mean of both orders' probabilities (released code): swapping the two responses gives 1 minus it.

    Where one order has no verdict (NaN) or was not asked, the other is taken; NaN where neither has one.
    """
    return [
        second if math.isnan(first) else first if math.isnan(second) else (first + second) / 2
        for first, second in zip(shown, turned, strict=True)
    ]


def prefer(judge: Judge, comparisons: Sequence[ResponsePair], orders: Literal["both", "one"]) -> list[float]:
    """P(first is better) of each comparison, by as many orders as asked for."""
    return average(*both_orders(judge, comparisons, orders))


def consistency(shown: Sequence[float], turned: Sequence[float]) -> float | None:
    """Share of the comparisons with a verdict in both orders whose orders agree on the better one, or on a tie.

    None where no comparison has both.
    """
    both = [two for two in zip(shown, turned, strict=True) if not any(map(math.isnan, two))]
    agree = [(first > 0.5, first < 0.5) == (second > 0.5, second < 0.5) for first, second in both]
    return sum(agree) / len(agree) if agree else None
