"""Comparisons to train on, and both orders of a comparison joined."""

from __future__ import annotations

import math
from collections.abc import Sequence

import polars as pl
import pytest

from rlhf_data.inference.protocols import ResponsePair
from rlhf_data.judges import both_orders

PREFERENCES = pl.DataFrame(
    {
        "pair_id": [f"{n:032x}" for n in range(400)],
        "prompt": [[{"role": "user", "content": f"What is {n} plus 1?"}] for n in range(400)],
        "chosen": [f"It is {n + 1}." for n in range(400)],
        "rejected": [f"It is {n}." for n in range(400)],
    }
)


def test_half_of_the_chosen_are_shown_first() -> None:
    shown = both_orders.shown(PREFERENCES, positions="drawn", seed=0)
    assert shown.columns == ["pair_id", "prompt", "first", "second", "chosen_first"]
    assert shown["pair_id"].equals(PREFERENCES["pair_id"])
    assert shown["prompt"].equals(PREFERENCES["prompt"])
    assert 0.4 < float(shown["chosen_first"].cast(pl.Float64).sum()) / 400 < 0.6
    together = shown.join(PREFERENCES, on="pair_id", how="left", validate="1:1")
    first, second = together.filter("chosen_first"), together.filter(~pl.col("chosen_first"))
    assert first["first"].equals(first["chosen"])
    assert first["second"].equals(first["rejected"])
    assert second["first"].equals(second["rejected"])
    assert second["second"].equals(second["chosen"])


def test_where_the_chosen_stands_depends_on_the_pair_and_the_seed_alone() -> None:
    shown = both_orders.shown(PREFERENCES, positions="drawn", seed=0)
    some = PREFERENCES.reverse().gather_every(7)
    expected = some.select("pair_id").join(shown, on="pair_id", how="left", maintain_order="left")
    assert both_orders.shown(some, positions="drawn", seed=0).equals(expected)
    assert not both_orders.shown(PREFERENCES, positions="drawn", seed=1).equals(shown)


def test_both_positions_are_two_rows() -> None:
    shown = both_orders.shown(PREFERENCES, positions="both", seed=0)
    one, other = shown.gather_every(2), shown.gather_every(2, offset=1)
    assert one.equals(both_orders.shown(PREFERENCES, positions="drawn", seed=0))
    assert other["pair_id"].equals(one["pair_id"])
    assert (other["chosen_first"] == ~one["chosen_first"]).all()
    assert other.select(second="first", first="second").equals(one.select("second", "first"))


@pytest.mark.parametrize("positions", ["drawn", "both"])
def test_no_preferences_are_no_rows(positions: str) -> None:
    shown = both_orders.shown(PREFERENCES.clear(), positions=positions, seed=0)  # type: ignore[arg-type]
    assert shown.height == 0
    assert shown.schema == both_orders.shown(PREFERENCES, positions="drawn", seed=0).schema


class LongerAndFirst:
    """Says that the longer response is the better one, and a little more so of the one shown first; knows no empty."""

    def __init__(self) -> None:
        self.calls = 0

    def prefer(self, comparisons: Sequence[ResponsePair]) -> list[float]:
        self.calls += 1
        return [
            math.nan if not one.first else 1 / (1 + math.exp(len(one.second) - len(one.first) - 0.5))
            for one in comparisons
        ]


ASKED = [ResponsePair([{"role": "user", "content": "?"}], *two) for two in [("aaa", "a"), ("a", "aa"), ("", "b")]]


def test_both_orders_are_asked_at_once() -> None:
    judge = LongerAndFirst()
    shown, turned = both_orders.both_orders(judge, ASKED, "both")
    assert judge.calls == 1
    assert shown == pytest.approx([0.92414, 0.37754, math.nan], abs=1e-5, nan_ok=True)
    assert turned == pytest.approx([0.81757, 0.18243, 0.18243], abs=1e-5)
    assert both_orders.average(shown, turned) == pytest.approx([0.87086, 0.27999, 0.18243], abs=1e-5)


@pytest.mark.parametrize("pairs", [ASKED[:2], ASKED])
def test_swapped_responses_swap_the_preference(pairs: list[ResponsePair]) -> None:
    judge = LongerAndFirst()
    swapped = [ResponsePair(prompt, second, first) for prompt, first, second in pairs]
    one, other = both_orders.prefer(judge, pairs, "both"), both_orders.prefer(judge, swapped, "both")
    assert [1 - p for p in one] == pytest.approx(other, abs=1e-12)


def test_one_order_is_as_it_is_shown() -> None:
    shown, turned = both_orders.both_orders(LongerAndFirst(), ASKED, "one")
    assert [math.isnan(p) for p in turned] == [True] * 3
    assert both_orders.average(shown, turned) == pytest.approx(shown, nan_ok=True)
    assert both_orders.prefer(LongerAndFirst(), ASKED, "one") == pytest.approx(shown, nan_ok=True)


@pytest.mark.parametrize(
    ("shown", "turned", "expected"),
    [
        ([0.9, 0.9, 0.2, 0.6], [0.6, 0.4, 0.1, 0.7], 0.75),
        ([0.9, math.nan, 0.2], [0.4, 0.6, 0.1], 0.5),  # what one order has no verdict on does not count
        ([0.5, 0.5], [0.5, 0.6], 0.5),  # a tie agrees with a tie alone
        ([math.nan], [0.4], None),
        ([], [], None),
    ],
)
def test_consistency(shown: list[float], turned: list[float], expected: float | None) -> None:
    assert both_orders.consistency(shown, turned) == expected


def test_orders_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        both_orders.average([0.5, 0.5], [0.5])
