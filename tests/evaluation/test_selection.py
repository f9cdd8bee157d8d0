"""Figures of policies, given literally → the one that dev chooses, and the table."""

from __future__ import annotations

from typing import Any

import pytest

from rlhf_data.errors import ParamsError
from rlhf_data.evaluation import selection


def figure(dev_gold: float | None, dev_reward: float, *, test_reward: float = 0.0) -> dict[str, Any]:
    dev = {"gold_reward": dev_gold, "reward": dev_reward, "win_rate": 0.5, "prompts": 3}
    return {"prompts": 4, "reward": test_reward, "gold_reward": None if dev_gold is None else 9.0, "dev": dev}


def test_the_highest_on_dev_is_chosen_whatever_test_says() -> None:
    figures = {"iter0": figure(0.1, 3.0, test_reward=99.0), "iter1": figure(0.3, 1.0), "iter2": figure(0.2, 2.0)}

    assert selection.best(figures, "gold_reward") == "iter1"
    assert selection.best(figures, "reward") == "iter0"


def test_the_base_policy_can_stay_the_best() -> None:
    assert selection.best({"iter0": figure(-0.1, 0.0), "iter1": figure(-0.2, 1.0)}, "gold_reward") == "iter0"


def test_equals_go_to_the_earliest() -> None:
    figures = {"iter0": figure(0.1, 0.0), "iter1": figure(0.4, 0.0), "iter2": figure(0.4, 9.0)}

    assert selection.best(figures, "gold_reward") == "iter1"


def test_an_unknown_gold_reward_says_what_to_set() -> None:
    figures = {"iter0": figure(0.1, 0.0), "iter1": figure(None, 1.0)}

    with pytest.raises(ParamsError, match=r"iter1\n.*set report.select_by: reward"):
        selection.best(figures, "gold_reward")
    assert selection.best(figures, "reward") == "iter1"


def test_chosen_says_why_and_gives_the_test_figures() -> None:
    figures = {"iter0": figure(0.1, 0.0), "iter1": figure(0.4, 1.0, test_reward=2.5)}

    assert selection.chosen(figures, "gold_reward") == {
        "policy": "iter1",
        "selected_by": "gold_reward",
        "dev": 0.4,
        "prompts": 4,
        "reward": 2.5,
        "gold_reward": 9.0,
    }


def test_policies_keep_their_order_and_their_unknowns() -> None:
    table = selection.policies({"iter0": figure(None, 0.5), "iter1": figure(0.4, 1.5, test_reward=2.5)})

    assert table.columns == [
        *["policy", "prompts", "reward", "gold_reward", "dev_gold_reward", "dev_reward", "dev_win_rate"]
    ]
    assert table.rows() == [("iter0", 4, 0.0, None, None, 0.5, 0.5), ("iter1", 4, 2.5, 9.0, 0.4, 1.5, 0.5)]
    assert table.write_csv().splitlines()[1] == "iter0,4,0.0,,,0.5,0.5"
