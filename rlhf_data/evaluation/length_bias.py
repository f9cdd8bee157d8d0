"""Length bias of a judge: the correlation of reward and length within a prompt (paper, Figure 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

NORMAL = 1.96  # standard errors on either side of a mean: its 95 % interval
HALVINGS = 100  # more than a float64 can tell apart
DIGITS = 6


def summary(by_prompt: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """What `reports/length_bias/<iteration>.json` says of each judge; `by_prompt` answers the query `length_bias`.

    Means are over the prompts whose correlation is defined, null where there is none; the interval is the mean ± 1.96
    standard errors, null for a single prompt.
    """
    return {
        judge: _judge(some)
        for (judge,), some in by_prompt.sort("judge").partition_by("judge", as_dict=True, maintain_order=True).items()
    }


def _judge(by_prompt: pl.DataFrame) -> dict[str, Any]:
    defined = by_prompt.drop_nulls("length_correlation")
    mean, low, high = interval(defined["length_correlation"])
    balance = balancing_penalty(defined)
    return {
        "prompts": by_prompt.height,
        "undefined_prompts": by_prompt.height - defined.height,
        "length_correlation": _round(mean),
        "length_correlation_low": _round(low),
        "length_correlation_high": _round(high),
        "longest_wins": _round(defined["longest_wins"].mean()),
        "longest_by_chance": _round(defined["longest_by_chance"].mean()),
        "balancing_penalty": _round(balance, 2 * DIGITS),  # λ are small
    }


def interval(values: pl.Series) -> tuple[float | None, float | None, float | None]:
    """The mean of the values, and the ends of its 95 % interval: ± 1.96 standard errors."""
    mean: Any = values.mean()
    deviation: Any = values.std()
    if deviation is None:
        return mean, None, None
    wide = NORMAL * deviation / values.len() ** 0.5
    return mean, mean - wide, mean + wide


def balancing_penalty(defined: pl.DataFrame) -> float | None:
    """The λ for which the mean over prompts of corr(reward − λ·characters, characters) is 0; may be below 0.

    With b the slope of reward on length and q the deviation of what it leaves over, in deviations of length, a prompt's
    correlation is (b − λ) / √(q² + (b − λ)²). It only falls with λ, from 1 to −1, so the mean has one root, between the
    least slope and the greatest: found by bisection, as the mean over prompts has no closed form. Prompts of two
    responses alone make a mean of steps, and a root where it steps over 0. None where no correlation is defined.
    """
    if defined.is_empty():
        return None
    correlation = defined["length_correlation"].to_numpy()
    scale = (defined["reward_deviation"] / defined["chars_deviation"]).to_numpy()
    slope, rest = correlation * scale, scale * np.sqrt(1 - correlation**2)
    low, high = float(slope.min()), float(slope.max())
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        left = slope - middle
        if _correlations(left, rest).mean() > 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _correlations(left: np.ndarray, rest: np.ndarray) -> np.ndarray:
    length = np.hypot(left, rest)
    found: np.ndarray = np.divide(left, length, out=np.zeros_like(left), where=length > 0)
    return found


def table(summaries: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """One row per iteration and judge, of the summaries by iteration."""
    return [
        {"iteration": iteration, "judge": judge, **figures}
        for iteration, by_judge in summaries.items()
        for judge, figures in by_judge.items()
    ]


def cells(by_prompt: pl.DataFrame, *, length_bins: int, correlation_bins: int) -> pl.DataFrame:
    """How many prompts of each judge fall into each cell of mean length × correlation; empty cells are left out.

    The lengths are cut into bins of about as many prompts each, equal ones sharing theirs, and the correlations, from
    −1 to 1, into even ones. One row per cell: `judge`, `length_bin` (the shortest is 0), `chars_low` and `chars_high`
    of the bin's prompts, `low` and `high` of the correlation, `prompts`.
    """
    defined = by_prompt.drop_nulls("length_correlation")
    place = pl.col("response_chars").rank("min").over("judge") - 1
    column = ((pl.col("length_correlation") + 1) / 2 * correlation_bins).floor().clip(0, correlation_bins - 1)
    binned = defined.with_columns(
        length_bin=(place * length_bins // pl.len().over("judge")).cast(pl.Int64), column=column.cast(pl.Int64)
    )
    width = 2 / correlation_bins
    return (
        binned.with_columns(
            chars_low=pl.col("response_chars").min().over("judge", "length_bin"),
            chars_high=pl.col("response_chars").max().over("judge", "length_bin"),
        )
        .group_by("judge", "length_bin", "chars_low", "chars_high", "column")
        .agg(pl.len().alias("prompts"))
        .sort("judge", "length_bin", "column")
        .select(
            *("judge", "length_bin", "chars_low", "chars_high"),
            low=(pl.col("column") * width - 1).round(DIGITS),
            high=((pl.col("column") + 1) * width - 1).round(DIGITS),
            prompts="prompts",
        )
    )


def _round(value: Any, digits: int = DIGITS) -> float | None:
    return None if value is None else round(float(value), digits) + 0.0  # not −0
