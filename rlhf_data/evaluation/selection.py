"""Each policy's figures → the table of policies, and the policy that dev chooses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from rlhf_data.errors import ParamsError

DEV = ("gold_reward", "reward", "win_rate")  # the dev figures that stand beside those of test

Figures = Mapping[str, Mapping[str, Any]]  # by policy, in order; `dev` holds the same figures on dev


def best(figures: Figures, select_by: str) -> str:
    """The policy with the highest mean of `select_by` on dev; the earliest of equals.

    Test figures take no part, so that they stay an honest report on the policy that was chosen.
    """
    dev = {policy: figure["dev"][select_by] for policy, figure in figures.items()}
    if unknown := [policy for policy, value in dev.items() if value is None]:
        raise ParamsError(
            f"report.select_by: {select_by} is unknown for the dev prompts of {', '.join(unknown)}\n"
            "  set report.select_by: reward, which every prompt has"
        )
    return max(dev, key=dev.__getitem__)


def chosen(figures: Figures, select_by: str) -> dict[str, Any]:
    """What `reports/chosen.json` says: the policy, why, and its test figures."""
    policy = best(figures, select_by)
    figure = figures[policy]
    return {"policy": policy, "selected_by": select_by, "dev": figure["dev"][select_by], **_test(figure)}


def policies(figures: Figures) -> pl.DataFrame:
    """What `reports/policies.csv` says: one row per policy, its test figures and the dev figures it is chosen by."""
    return pl.DataFrame(
        [
            {"policy": policy, **_test(figure), **{f"dev_{name}": figure["dev"][name] for name in DEV}}
            for policy, figure in figures.items()
        ],
        infer_schema_length=None,
    )


def _test(figure: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in figure.items() if name != "dev"}


def answers(prompts: pl.DataFrame, base: pl.DataFrame, other: pl.DataFrame, *, most: int) -> pl.DataFrame:
    """The first prompts, by id (a content hash), with the answers of two policies' evaluations; π₀'s as `base_…`."""
    said = ("response", "reward", "gold_reward", "response_chars")
    first = base.select("prompt_id", *(pl.col(name).alias(f"base_{name}") for name in said))
    second = other.select("prompt_id", *said)
    asked = prompts.select("prompt_id", "prompt").join(first, on="prompt_id").join(second, on="prompt_id")
    return asked.sort("prompt_id").head(most)
