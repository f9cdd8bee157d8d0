"""Evaluations → the figures of a policy: means, win rate, and paired bootstrap intervals by prompt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from rlhf_data.errors import TableError

DIGITS = 6


def compare(policy: pl.DataFrame, base: pl.DataFrame, *, split: str, resamples: int, seed: int) -> dict[str, Any]:
    """What `reports/evaluate/<iteration>.json` says of a policy on one split.

    `win_rate` over the base counts prompts whose gold reward (reward-model reward where no gold is known) is higher,
    ties half. Intervals are 95 %, by paired bootstrap over prompts. `length_correlation` is Pearson's, between
    reward and characters over the prompts; null where one of them is constant.
    """
    ours, theirs = _paired(policy, base, split)
    judge = "gold_reward" if ours["gold_reward"].null_count() == 0 else "reward"
    gain = (ours[judge] - theirs[judge]).to_numpy()
    wins = (np.sign(gain) + 1) / 2
    low, high = bootstrap(np.stack([gain, wins]), resamples=resamples, seed=seed)
    known = judge == "gold_reward"
    return {
        "prompts": ours.height,
        "judge": judge,
        "reward": _round(ours["reward"].mean()),
        "gold_reward": _round(ours["gold_reward"].mean()) if known else None,
        "gold_reward_gain": _round(gain.mean()) if known else None,
        "gold_reward_gain_low": _round(low[0]) if known else None,
        "gold_reward_gain_high": _round(high[0]) if known else None,
        "win_rate": _round(wins.mean()),
        "win_rate_low": _round(low[1]),
        "win_rate_high": _round(high[1]),
        "response_chars": _round(ours["response_chars"].mean()),
        "length_correlation": correlation(ours["reward"], ours["response_chars"]),
        "truncated": _round((ours["finish_reason"].cast(pl.String) == "length").mean()),
    }


def bootstrap(values: np.ndarray, *, resamples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The 2.5 % and 97.5 % quantiles of each row's mean; a resample draws the same columns for all rows."""
    rng = np.random.default_rng(seed)
    columns = values.shape[1]
    means = np.stack([values[:, rng.integers(columns, size=columns)].mean(axis=1) for _ in range(resamples)])
    low, high = np.quantile(means, [0.025, 0.975], axis=0)
    return low, high


def correlation(left: pl.Series, right: pl.Series) -> float | None:
    """Pearson's; null where it is undefined."""
    if left.n_unique() < 2 or right.n_unique() < 2:
        return None
    return _round(np.corrcoef(left.to_numpy(), right.to_numpy())[0, 1])


def rounded(table: pl.DataFrame) -> pl.DataFrame:
    """Numbers in six significant digits: a database adds in any order, and a report is the same after every run."""
    return table.with_columns(pl.selectors.float().round_sig_figs(DIGITS))


def reward_accuracy(pairs: pl.DataFrame, chosen: Sequence[float], rejected: Sequence[float]) -> dict[str, Any]:
    """What `reports/reward.json` says: the accuracy on held-out pairs, and the ceiling that label noise allows."""
    gap = pl.Series(chosen, dtype=pl.Float64) - pl.Series(rejected, dtype=pl.Float64)
    by_source = pairs.select("source", right=(gap.sign() + 1) / 2).group_by("source").agg(pl.col("right").mean())
    return {
        "accuracy": accuracy(gap),
        "accuracy_ceiling": accuracy_ceiling(pairs["label_probability"]),
        "pairs": pairs.height,
        "margin": _round(gap.mean()),
        "accuracy_by_source": {source: _round(right) for source, right in by_source.sort("source").iter_rows()},
    }


def accuracy(gap: pl.Series) -> float:
    """The share of comparisons where chosen minus rejected is above 0, ties half."""
    return _round(((gap.sign() + 1) / 2).mean())


def accuracy_ceiling(label_probability: pl.Series) -> float | None:
    """What accuracy label noise allows: the mean of max(p, 1 − p); null where the annotators' p is unknown."""
    if label_probability.null_count():
        return None
    return _round(pl.select(pl.max_horizontal(label_probability, 1 - label_probability)).to_series().mean())


def _paired(policy: pl.DataFrame, base: pl.DataFrame, split: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    sides = [table.filter(pl.col("split") == split).sort("prompt_id") for table in (policy, base)]
    if not sides[0].height or not sides[0]["prompt_id"].equals(sides[1]["prompt_id"]):
        raise TableError(
            f"evaluations do not match on {split}: {sides[0].height} and {sides[1].height} prompts, "
            "or not the same ones\n  `dvc repro evaluate` answers again"
        )
    return sides[0], sides[1]


def _round(value: Any) -> float:
    return round(float(value), DIGITS)
