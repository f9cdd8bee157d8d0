"""Pairs of all iterations so far → what DPO trains on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
from tqdm import tqdm

from rlhf_data.errors import TableError
from rlhf_data.schemas import Pairs

if TYPE_CHECKING:  # the stages that train read no pairing
    from rlhf_data.loop.pairs import Fits

# What decides a pair's log-probabilities; `job` is the reference's fingerprint
REFERRED = ("prompt_id", "chosen", "rejected", "job")

OFFLINE_NULLS = ("chosen_sample", "rejected_sample", "chosen_reward", "rejected_reward")


def offline_pairs(mix: pl.DataFrame, *, pairs: int, fits: Fits) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The first `pairs` comparisons of the mix, one per prompt, as pairs of iteration 0 (D_off of Algorithm 1).

    Those that training would cut (`fits`) are left out; they come second, as far as the last pair. Raises
    `TableError` where the mix has too few.
    """
    left = mix.unique("prompt_id", keep="first", maintain_order=True)
    found, long, seen = left.clear(), left.clear(), 0
    while found.height < pairs and seen < left.height:
        some = left.slice(seen, pairs - found.height)
        fitting = fits(some)
        found, long = pl.concat([found, some.filter(fitting)]), pl.concat([long, some.filter(~fitting)])
        seen += some.height
    if found.height < pairs:
        raise TableError(
            f"the mix has {found.height} prompts to train on, and {long.height} with a pair beyond "
            f"train_policy.max_length; offline_history.pairs asks for {pairs}"
        )
    nulls = {name: pl.lit(None, dtype=Pairs.create_empty().schema[name]) for name in OFFLINE_NULLS}
    columns = ("prompt_id", "prompt", "chosen", "rejected", "margin")
    return found.select(*columns, iteration=pl.lit(0, dtype=pl.UInt8), **nulls), long


def referred(pairs: pl.DataFrame, *, job: str) -> pl.DataFrame:
    """Pairs with the `job` that decides their log-probabilities."""
    return pairs.with_columns(job=pl.lit(job))


def refuse_other_reference(history: pl.DataFrame, *, job: str, path: Path) -> None:
    """Raises `TableError` where log-probabilities of the history at `path` are not of the reference of this `job`."""
    if other := (history["job"] != job).sum():
        raise TableError(
            f"{path}: the log-probabilities of {other} of {history.height} pairs are of another reference, or were "
            "computed otherwise\n  `dvc repro` computes them anew, those of earlier iterations first"
        )


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
