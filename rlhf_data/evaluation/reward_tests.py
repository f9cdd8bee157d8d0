"""Judges on test comparisons: their verdicts, accuracies with intervals, and baselines.

A judge is right on a comparison where P(chosen is better) is above one half. No verdict counts as a tie, and a tie as
nothing or as one half: the section `benchmark_pairs` says which.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import polars as pl
from tqdm import tqdm

from rlhf_data import hashing
from rlhf_data.errors import TableError
from rlhf_data.evaluation import metrics, reward_bench
from rlhf_data.inference.protocols import Judge, ResponsePair
from rlhf_data.judges import both_orders

HELD_OUT = "held_out"  # the test of the mix's own pairs
DECIDES = ("pair_id", "job")  # a verdict; the pair's id is a hash of its texts
GIVEN = ("chosen_first", "chosen_second", "preference")
POSITION_SEED = 0  # where one order is asked: each pair's is the same under every seed of the project
TIE = {"half": 0.5, "wrong": 0.0}


def of_test(test: str, preferences: pl.DataFrame, subsets: Sequence[str]) -> pl.DataFrame:
    """Comparisons as `RewardTests`, with the subset of each; its category is RewardBench's, or else the test."""
    return preferences.select(
        pl.lit(test).alias("test"),
        "pair_id",
        category=pl.Series([reward_bench.CATEGORY.get(subset, test) for subset in subsets], dtype=pl.String),
        subset=pl.Series(subsets, dtype=pl.String),
        prompt="prompt",
        chosen="chosen",
        rejected="rejected",
    )


def held_out(preferences: pl.DataFrame, *, most: int, seed: int) -> pl.DataFrame:
    """At most `most` of the mix's test pairs, drawn by a hash of their ids and the seed; a source is a subset."""
    order = pl.Series([hashing.fraction(seed, "reward_tests", one) for one in preferences["pair_id"]], dtype=pl.Float64)
    drawn = preferences.filter(order.rank("ordinal") <= most)
    return of_test(HELD_OUT, drawn, drawn["source"].to_list())


def all_tests(tests: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """All tests as one table; raises `TableError` where there is no pair at all."""
    pairs = pl.concat(tests)
    if pairs.is_empty():
        raise TableError(
            "0 pairs to test judges on\n  name a test in reward_tests.sets, or give the mix a test side: raise held_out"
        )
    return pairs


def wanted(pairs: pl.DataFrame, *, judge: str, job: str) -> pl.DataFrame:
    """The pairs with the judge whose verdicts are wanted, and its fingerprint."""
    return pairs.with_columns(judge=pl.lit(judge), job=pl.lit(job))


def verdicts(
    judge: Judge, rows: pl.DataFrame, *, orders: Literal["both", "one"], part_pairs: int
) -> Iterator[pl.DataFrame]:
    """`wanted` rows with P(chosen is better) in each order and the mean of both (`GIVEN`), some pairs at a time.

    Where one order is asked, a hash decides which: a judge that always takes the first gets half of them right.
    """
    with tqdm(total=rows.height, desc="verdicts", unit="pair") as progress:
        for part in rows.iter_slices(part_pairs):
            shown = both_orders.shown(part, positions="drawn", seed=POSITION_SEED)
            asked = [ResponsePair(*one) for one in shown.select("prompt", "first", "second").iter_rows()]
            ahead, turned = both_orders.both_orders(judge, asked, orders)
            # of the response shown first; turned is its probability when it is shown second
            first, second = pl.Series(ahead, dtype=pl.Float64), pl.Series(turned, dtype=pl.Float64)
            sides = shown.select("chosen_first").with_columns(first=first, second=second)
            as_shown = pl.when("chosen_first")
            yield part.with_columns(
                sides.select(
                    chosen_first=as_shown.then("first").otherwise(1 - pl.col("second")).fill_nan(None),
                    chosen_second=as_shown.then("second").otherwise(1 - pl.col("first")).fill_nan(None),
                ).with_columns(preference=pl.mean_horizontal("chosen_first", "chosen_second"))
            )
            progress.update(part.height)


def baselines(pairs: pl.DataFrame, *, seed: int) -> dict[str, pl.DataFrame]:
    """Baselines: the longer response, the shorter one, a seeded random choice.

    Their names hold spaces, which no judge's name can.
    """
    longer = (_chars("chosen") - _chars("rejected")).sign() / 2 + 0.5
    coins = [float(hashing.fraction(seed, "coin", one) < 0.5) for one in pairs["pair_id"]]
    coin = pl.Series(coins, dtype=pl.Float64)
    none = {side: pl.lit(None, dtype=pl.Float64) for side in ("chosen_first", "chosen_second")}
    ways = {"longer wins": longer, "shorter wins": 1 - longer, "drawn at random": pl.lit(coin)}
    return {name: pairs.select("test", "pair_id", preference=how, **none) for name, how in ways.items()}


def figures(
    pairs: pl.DataFrame, by_judge: Mapping[str, pl.DataFrame], *, ties: str, resamples: int, seed: int
) -> pl.DataFrame:
    """`reports/reward_tests.csv`: one row per judge, test and subset, and one per whole test (its subset is null).

    `accuracy` with its 95 % interval by bootstrap over pairs, which all judges share; `consistency` of the two orders;
    `prefers_longer`, of the verdicts on responses of unequal length; `prefers_first`, of those asked in both orders.
    Raises `TableError` where a judge lacks a verdict on a pair, or has one on another.
    """
    joined = {judge: _with(pairs, found, judge) for judge, found in by_judge.items()}
    rows = []
    for test, category, subset in _groups(pairs):
        here = pl.col("test") == test
        inside = here if subset is None else here & (pl.col("subset") == subset)
        tables = [table.filter(inside) for table in joined.values()]
        right = np.stack([_right(table["preference"], TIE[ties]) for table in tables])
        low, high = metrics.bootstrap(right, resamples=resamples, seed=seed)
        for place, (judge, table) in enumerate(zip(joined, tables, strict=True)):
            rows.append(
                {
                    "judge": judge,
                    "test": test,
                    "category": category,
                    "subset": subset,
                    "pairs": table.height,
                    "accuracy": right[place].mean(),
                    "accuracy_low": low[place],
                    "accuracy_high": high[place],
                    "consistency": _consistency(table),
                    "ties": int((table["preference"] == 0.5).sum()),
                    "no_verdict": table["preference"].null_count(),
                    **_leanings(table),
                }
            )
    order = pl.col("judge").replace_strict({judge: n for n, judge in enumerate(joined)}, return_dtype=pl.Int64)
    found = pl.DataFrame(rows, infer_schema_length=None)
    return found.sort(order, maintain_order=True).with_columns(pl.col(pl.Float64).round(metrics.DIGITS))


def _groups(pairs: pl.DataFrame) -> list[tuple[str, str | None, str | None]]:
    """Test, category and subset of each row of `figures`: a whole test first, then its subsets."""
    found: list[tuple[str, str | None, str | None]] = []
    for test, category, subset in pairs.select("test", "category", "subset").unique(maintain_order=True).iter_rows():
        found += [(test, None, None)] if (test, None, None) not in found else []
        found.append((test, category, subset))
    return found


def scores(found: pl.DataFrame) -> dict[str, Any]:
    """`reports/reward_tests.json`, of `figures`: by judge and test the accuracy, and RewardBench's scores."""
    values: dict[str, Any] = {}
    for (judge, test), rows in found.group_by("judge", "test", maintain_order=True):
        whole = rows.row(by_predicate=pl.col("subset").is_null(), named=True)
        subsets = rows.filter(pl.col("subset").is_not_null())
        accuracies = dict(subsets.select("subset", "accuracy").iter_rows())
        values.setdefault(str(judge), {})[str(test)] = {
            **{name: whole[name] for name in ("pairs", "accuracy", "consistency", "no_verdict")},
            **{name: round(score, metrics.DIGITS) for name, score in reward_bench.scores(accuracies).items()},
        }
    return values


def _with(pairs: pl.DataFrame, found: pl.DataFrame, judge: str) -> pl.DataFrame:
    keys = ["test", "pair_id"]
    missing = pairs.join(found, on=keys, how="anti").height
    if missing or found.height != pairs.height:
        raise TableError(
            f"{judge} has {found.height} verdicts for {pairs.height} pairs, of which {missing} have none\n"
            f"  `dvc repro benchmark_judge@{judge}` asks it again"
        )
    return pairs.join(found.select(*keys, *GIVEN), on=keys, how="left", validate="1:1", maintain_order="left")


def _right(preference: pl.Series, tie: float) -> np.ndarray:
    sides = preference.fill_null(0.5).to_numpy()
    return np.where(sides > 0.5, 1.0, np.where(sides < 0.5, 0.0, tie))


def _consistency(table: pl.DataFrame) -> float | None:
    first, second = (table[side].fill_null(float("nan")).to_list() for side in GIVEN[:2])
    return both_orders.consistency(first, second)


def _leanings(table: pl.DataFrame) -> dict[str, float | None]:
    """Shares of the verdicts that go to the longer response, and to the one shown first; null where none can."""
    unequal = (_chars("chosen") != _chars("rejected")) & (pl.col("preference") != 0.5)
    longer = (_chars("chosen") > _chars("rejected")) == (pl.col("preference") > 0.5)
    both = pl.col("chosen_first").is_not_null() & pl.col("chosen_second").is_not_null()
    first = ((pl.col("chosen_first") - 0.5).sign() - (pl.col("chosen_second") - 0.5).sign()) / 4 + 0.5
    return table.select(prefers_longer=longer.filter(unequal).mean(), prefers_first=first.filter(both).mean()).row(
        0, named=True
    )


def _chars(side: str) -> pl.Expr:
    return pl.col(side).str.len_chars().cast(pl.Int64)
