"""Pairs of all iterations so far → what DPO trains on."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import polars as pl
from tqdm import tqdm

from rlhf_data.errors import TableError
from rlhf_data.schemas import Pairs

# What decides a pair's log-probabilities; `job` is the reference's fingerprint
REFERRED = ("prompt_id", "chosen", "rejected", "job")

OFFLINE_NULLS = ("chosen_sample", "rejected_sample", "chosen_reward", "rejected_reward")


def offline_pairs(mix: pl.DataFrame, *, pairs: int) -> pl.DataFrame:
    """The first `pairs` comparisons of the mix, one per prompt, as pairs of iteration 0 (D_off of Algorithm 1)."""
    first = mix.unique("prompt_id", keep="first", maintain_order=True).head(pairs)
    if first.height < pairs:
        raise TableError(f"the mix has {first.height} prompts to train on, offline.pairs asks for {pairs}")
    nulls = {name: pl.lit(None, dtype=Pairs.create_empty().schema[name]) for name in OFFLINE_NULLS}
    return first.select(
        "prompt_id", "prompt", "chosen", "rejected", "margin", iteration=pl.lit(0, dtype=pl.UInt8), **nulls
    )


def referred(pairs: pl.DataFrame, *, job: str) -> pl.DataFrame:
    """Pairs with the `job` that decides their log-probabilities."""
    return pairs.with_columns(job=pl.lit(job))


def in_scope(history: pl.DataFrame, scope: str, iteration: int) -> pl.DataFrame:
    """The pairs to train on: all so far (`cumulative`), or those of this iteration (`current`), oldest first."""
    pairs = history.filter(pl.col("iteration") == iteration) if scope == "current" else history
    if pairs.is_empty():
        raise TableError(
            f"no pair to train iteration {iteration} on; reports/pair/ says what became of the prompts\n"
            "  a lower pair.min_margin or a higher generate.max_tokens makes more pairs"
        )
    return pairs.sort("iteration", "prompt_id")


def with_reference(
    rows: pl.DataFrame, logps: Callable[[pl.DataFrame], pl.DataFrame], *, part_pairs: int
) -> Iterator[pl.DataFrame]:
    """Pairs with the reference's log-probabilities (`schemas.LOGPS`), joined by prompt, `part_pairs` at a time.

    `logps` is not called where there are no rows.
    """
    parts = list(rows.iter_slices(part_pairs))
    for some in tqdm(parts, desc="reference", unit="part", disable=not parts):
        yield some.join(logps(some), on="prompt_id", how="left", validate="1:1", maintain_order="left")
