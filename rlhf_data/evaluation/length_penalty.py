"""The pairs that other length penalties λ would make (paper, eq. 9: reward − λ × characters)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import polars as pl

from rlhf_data.loop import pairs

PAIR = ("prompt_id", "chosen_sample", "rejected_sample")
COUNTED = ("pairs", "same", "either")
SUMMED = ("chosen_chars", "rejected_chars", "margin")


def penalties(low: float, high: float, number: int) -> list[float]:
    """So many penalties from `low` to `high`, evenly spaced."""
    return [low + step * (high - low) / max(number - 1, 1) for step in range(number)]


def sweep(
    parts: Iterable[pl.DataFrame],
    penalties: Sequence[float],
    *,
    length_penalty: float,
    min_margin: float,
    drop_truncated: bool,
) -> pl.DataFrame:
    """One row per penalty: `pairs`, and the means of their chosen and rejected lengths (characters) and margins.

    `changed`: of the prompts that have a pair under this penalty or under `length_penalty`, the one in use, the share
    that has not the same pair under both. Means and shares of nothing are null. The pairs are those that `pairs.ends`
    and `pairs.reason` make of scored responses, which come some prompts at a time.
    """
    sums = {penalty: dict.fromkeys((*COUNTED, *SUMMED), 0.0) for penalty in penalties}
    for scored in parts:
        # small numbers are quicker to sort by than ids
        usable = pairs.usable(scored, drop_truncated=drop_truncated).sort("prompt_id", "sample")
        rows = usable.with_columns(prompt_id=pl.col("prompt_id").rle_id())
        used = _pairs(rows, length_penalty, min_margin)
        for penalty, found in sums.items():
            then = _pairs(rows, penalty, min_margin)
            found["pairs"] += then.height
            found["same"] += then.join(used, on=PAIR, how="semi").height
            found["either"] += then.height + used.join(then, on="prompt_id", how="anti").height
            for name in SUMMED:
                found[name] += float(then[name].sum())
    return pl.DataFrame(
        [
            {
                "length_penalty": penalty,
                "pairs": int(found["pairs"]),
                **{name: found[name] / found["pairs"] if found["pairs"] else None for name in SUMMED},
                "changed": 1 - found["same"] / found["either"] if found["either"] else None,
            }
            for penalty, found in sums.items()
        ],
        schema={"length_penalty": pl.Float64, "pairs": pl.Int64, **dict.fromkeys((*SUMMED, "changed"), pl.Float64)},
    )


def _pairs(rows: pl.DataFrame, penalty: float, min_margin: float) -> pl.DataFrame:
    ends = pairs.ends(rows, length_penalty=penalty)
    return ends.filter(pairs.reason(min_margin=min_margin) == pairs.PAIRED)
