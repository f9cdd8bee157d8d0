"""What pairing made of prompts and responses, counted: for its report, and in a line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from rlhf_data.loop.pairs import PAIRED, Paired


def summary(made: Paired) -> dict[str, Any]:
    """What `reports/pair/<iteration>.json` says: prompts by what became of them, and what the pairs are like."""
    found = made.pairs
    return {
        "prompts": sum(made.prompts.values()),
        **made.responses,
        "pairs": found.height,
        "unpaired": {rule: prompts for rule, prompts in made.prompts.items() if rule != PAIRED},
        **{f"{name}_mean": _mean(found[name]) for name in ("margin", "chosen_reward", "rejected_reward")},
        **{f"{side}_chars_mean": _mean(found[side].str.len_chars()) for side in ("chosen", "rejected")},
    }


def account(made: Paired) -> str:
    """A line that says what became of prompts and responses, with every rule that left some out."""
    lost = {rule: prompts for rule, prompts in made.prompts.items() if rule != PAIRED}
    out = dict(made.rejects.group_by("rule").len().sort("len", descending=True).iter_rows())
    return (
        f"{sum(made.prompts.values())} prompts: {made.pairs.height} pairs; {_by_rule(lost)} made none; "
        f"of the responses {_by_rule(out)} are in no pair"
    )


def _by_rule(counts: Mapping[str, int]) -> str:
    rules = ", ".join(f"{rule} {times}" for rule, times in counts.items())
    return f"{sum(counts.values())}{f' ({rules})' if rules else ''}"


def _mean(values: pl.Series) -> float | None:
    mean = values.cast(pl.Float64).mean()
    return round(mean, 6) if isinstance(mean, float) else None
