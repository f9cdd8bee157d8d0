"""Reward ensembles: the rewards of several judges combined into those that rank the responses."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Literal

import polars as pl

from rlhf_data.errors import TableError
from rlhf_data.hashing import content_id

KEY = ["iteration", "prompt_id", "sample"]


def combined(
    scores: Mapping[str, pl.DataFrame], *, ensemble: Literal["mean", "min", "rank_vote"] | None
) -> pl.DataFrame:
    """The judge's rewards, or those of the ensemble, in the first judge's order.

    Judges have scales of their own, so `mean` and `min` (the worst case: Coste et al. 2023, section 3) are of rewards
    in standard deviations from the judge's mean over the iteration; `rank_vote` is the mean rank among a prompt's
    responses, scaled to 0 for the last and 1 for the first, ties averaged (Borda). Raises `TableError` where judges did
    not score the same responses, or one gave every response the same reward.
    """
    first, *others = scores.values()
    if not others:
        return first
    joined = reduce(_joined, scores.items(), first.select(*KEY, "response_id", "job").with_columns(job=pl.lit("")))
    names = [f"reward of {name}" for name in scores]
    if ensemble == "rank_vote":
        place = pl.col(names).rank("average").over("prompt_id") - 1
        votes = joined.with_columns(place / (pl.len().over("prompt_id") - 1).clip(1))
    else:
        for name in names:
            if joined[name].n_unique() < 2:
                raise TableError(f"the {name} is the same for all {joined.height} responses: it ranks nothing")
        votes = joined.with_columns((pl.col(name) - pl.col(name).mean()) / pl.col(name).std() for name in names)
    together = pl.min_horizontal(names) if ensemble == "min" else pl.mean_horizontal(names)
    by = {job: content_id(str(ensemble), job) for job in joined["job"].unique()}
    return votes.select(
        *KEY,
        "response_id",
        judge=pl.lit(f"{ensemble}({', '.join(scores)})"),
        reward=together.cast(pl.Float32),
        job=pl.col("job").replace_strict(by, return_dtype=pl.String),
    )


def _joined(table: pl.DataFrame, scored: tuple[str, pl.DataFrame]) -> pl.DataFrame:
    name, rewards = scored
    one = rewards.select(
        *KEY, "response_id", pl.col("reward").cast(pl.Float64).alias(f"reward of {name}"), theirs="job"
    )
    found = table.join(one, on=[*KEY, "response_id"], how="left", validate="1:1", maintain_order="left")
    if found.height != one.height or found["theirs"].null_count():
        raise TableError(
            f"judges did not score the same responses: {one.height} are scored by {name}, {found.height} by the first, "
            f"and {found['theirs'].null_count()} of these not by it\n  `dvc repro score` scores again"
        )
    return found.with_columns(job=pl.col("job") + pl.col("theirs")).drop("theirs")
