"""Evaluations given literally, and the figures of the policy."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

from rlhf_data.errors import TableError
from rlhf_data.evaluation import metrics

Row = tuple[str, str, float, float | None, int, str]  # prompt_id, split, reward, gold_reward, chars, finish_reason
BASE: list[Row] = [
    ("d", "test", 0.0, 0.0, 10, "stop"),
    ("a", "test", 1.0, 1.0, 10, "stop"),
    ("b", "test", 1.0, 2.0, 10, "stop"),
    ("c", "test", 1.0, 0.5, 10, "stop"),
    ("z", "dev", 9.0, 9.0, 10, "stop"),
]
POLICY: list[Row] = [
    ("a", "test", 2.0, 2.0, 10, "stop"),  # better by 1
    ("b", "test", 0.0, 1.5, 20, "length"),  # worse by 0.5
    ("c", "test", 3.0, 0.5, 30, "stop"),  # a tie
    ("d", "test", 5.0, 2.5, 40, "stop"),  # better by 2.5
    ("z", "dev", 0.0, 0.0, 10, "stop"),
]


def table(rows: list[Row]) -> pl.DataFrame:
    columns = {"prompt_id": pl.String, "split": pl.String, "reward": pl.Float32, "gold_reward": pl.Float32}
    return pl.DataFrame(
        rows,
        schema={**columns, "response_chars": pl.UInt32, "finish_reason": pl.Enum(["stop", "length"])},
        orient="row",
    )


def without_gold(rows: list[Row]) -> list[Row]:
    return [(one, split, reward, None, chars, reason) for one, split, reward, _, chars, reason in rows]


def test_compare_by_gold_reward() -> None:
    found = metrics.compare(table(POLICY), table(BASE), split="test", resamples=500, seed=0)
    low, high = (found.pop(f"gold_reward_gain_{end}") for end in ("low", "high"))
    assert -0.5 <= low < 0.75 < high <= 2.5
    low, high = (found.pop(f"win_rate_{end}") for end in ("low", "high"))
    assert 0 <= low < 0.625 < high <= 1
    assert found == {
        "prompts": 4,
        "judge": "gold_reward",
        "reward": 2.5,
        "gold_reward": 1.625,
        "gold_reward_gain": 0.75,
        "win_rate": 0.625,
        "response_chars": 25.0,
        # rewards 2, 0, 3, 5 and lengths 10, 20, 30, 40: 60 / √(13 · 500)
        "length_correlation": pytest.approx(60 / math.sqrt(13 * 500), abs=1e-6),
        "truncated": 0.25,
    }


def test_compare_by_reward_where_no_gold_is_known() -> None:
    found = metrics.compare(table(without_gold(POLICY)), table(without_gold(BASE)), split="test", resamples=50, seed=0)
    assert found["judge"] == "reward"
    assert [found[name] for name in ("gold_reward", "gold_reward_gain", "gold_reward_gain_low")] == [None] * 3
    assert found["win_rate"] == 0.75  # d, a and c


def test_a_policy_against_itself_is_a_draw() -> None:
    found = metrics.compare(table(BASE), table(BASE), split="test", resamples=50, seed=0)
    assert (found["gold_reward_gain"], found["gold_reward_gain_low"], found["gold_reward_gain_high"]) == (0, 0, 0)
    assert (found["win_rate"], found["win_rate_low"], found["win_rate_high"]) == (0.5, 0.5, 0.5)
    assert found["length_correlation"] is None  # all lengths are the same


def test_the_seed_decides_the_interval() -> None:
    one, again, other = (
        metrics.compare(table(POLICY), table(BASE), split="test", resamples=20, seed=seed) for seed in (0, 0, 1)
    )
    assert one == again
    assert one != other


@pytest.mark.parametrize("other", [BASE[1:], [*BASE[:3], ("x", "test", 1.0, 1.0, 10, "stop")], []])
def test_prompts_that_do_not_match(other: list[Row]) -> None:
    with pytest.raises(TableError, match="evaluations do not match on test: "):
        metrics.compare(table(POLICY), table(other), split="test", resamples=10, seed=0)
    with pytest.raises(TableError, match="evaluations do not match on test: "):
        metrics.compare(table(other), table(POLICY), split="test", resamples=10, seed=0)


def test_bootstrap_meets_the_normal_interval() -> None:
    values = np.random.default_rng(1).normal(2.0, 3.0, size=400)
    low, high = metrics.bootstrap(np.stack([values, -values]), resamples=4000, seed=0)
    half = 1.96 * values.std() / math.sqrt(400)
    # 4000 resamples place a quantile within about 5 % of the half width
    assert low[0] == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert high[0] == pytest.approx(values.mean() + half, abs=0.1 * half)
    # both rows are drawn with the same columns
    assert (low[1], high[1]) == (pytest.approx(-high[0]), pytest.approx(-low[0]))


def test_bootstrap_meets_the_binomial_interval() -> None:
    wins = np.array([[1.0] * 60 + [0.0] * 40])
    low, high = metrics.bootstrap(wins, resamples=4000, seed=0)
    # the 2.5 % and 97.5 % quantiles of Binomial(100, 0.6) / 100
    assert low[0] == pytest.approx(0.50, abs=0.011)
    assert high[0] == pytest.approx(0.69, abs=0.011)


def test_correlation() -> None:
    assert metrics.correlation(pl.Series([1.0, 2.0, 3.0]), pl.Series([2, 4, 6])) == 1.0
    assert metrics.correlation(pl.Series([1.0, 2.0, 3.0]), pl.Series([3, 2, 1])) == -1.0
    assert metrics.correlation(pl.Series([1.0, 1.0]), pl.Series([3, 2])) is None
    assert metrics.correlation(pl.Series([1.0, 2.0]), pl.Series([3, 3])) is None


def test_ties_are_half_right() -> None:
    assert metrics.accuracy(pl.Series([0.5, -0.5, 0.0, 2.0])) == 0.625


def test_ceiling() -> None:
    assert metrics.accuracy_ceiling(pl.Series([0.9, 0.2, 0.5])) == pytest.approx((0.9 + 0.8 + 0.5) / 3, abs=1e-6)
    assert metrics.accuracy_ceiling(pl.Series([0.9, None])) is None


def test_reward_accuracy() -> None:
    pairs = pl.DataFrame({"source": ["x", "y", "x", "y"], "label_probability": [1.0, 0.75, 0.5, 0.25]})
    assert metrics.reward_accuracy(pairs, [1.0, 0.0, 2.0, 1.0], [0.0, 1.0, 2.0, -2.0]) == {
        "accuracy": 0.625,
        "accuracy_ceiling": 0.75,
        "pairs": 4,
        "margin": 0.75,
        "accuracy_by_source": {"x": 0.75, "y": 0.5},
    }
