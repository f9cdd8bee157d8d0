"""Answers to requests → what they keep of their constraints, by policy and kind, and whether gold was gamed for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from rlhf_data.errors import TableError
from rlhf_data.evaluation import metrics
from rlhf_data.requests import constraints, gold

GROUPS = ("all", "trained", "held_out")  # requests: every one, those of known kinds alone, those with a held-out kind
HELD_OUT = set(constraints.HELD_OUT)
LOOKED_AT: dict[str, pl.DataType | type[pl.DataType]] = {
    "kinds": pl.List(pl.String),
    "keeps": pl.List(pl.Boolean),
    "held_out": pl.Boolean,
    "repetition": pl.Float64,
}


def answered(evaluations: pl.DataFrame, logprobs: pl.DataFrame, prompts: pl.DataFrame) -> pl.DataFrame:
    """A policy's `test` answers with their requests' `reference` and log-probabilities, by `prompt_id`.

    What each keeps stands beside it (`LOOKED_AT`). Raises `TableError` where an answer's prompt is no request, or has
    no log-probability.
    """
    rows = (
        evaluations.filter(pl.col("split") == "test")
        .join(prompts.select("prompt_id", "reference"), on="prompt_id", how="left", validate="1:1")
        .join(logprobs.select("prompt_id", "policy_logps", "ref_logps"), on="prompt_id", how="left", validate="1:1")
        .sort("prompt_id")
    )
    if lost := rows.select(pl.any_horizontal(pl.col("reference", "policy_logps").is_null()).sum()).item():
        raise TableError(f"{lost} of {rows.height} answers are to no request, or have no log-probability")
    return rows.hstack(_looked_at(rows))


def _looked_at(rows: pl.DataFrame) -> pl.DataFrame:
    """Of each answer the `kinds` asked, what it `keeps` of them, whether one is `held_out`, and its `repetition`."""
    found = []
    for reference, response in rows.select("reference", "response").iter_rows():
        keeps = gold.read(reference).kept(response)
        repeats = gold.repetition(constraints.words(response))
        found.append((list(keeps), list(keeps.values()), not HELD_OUT.isdisjoint(keeps), repeats))
    return pl.DataFrame(found, schema=LOOKED_AT, orient="row")


def kept(policy: str, rows: pl.DataFrame) -> pl.DataFrame:
    """`reports/constraints.csv`, of one policy's `answered` rows: by kind, how often it was asked and kept."""
    return (
        rows.select(kind="kinds", kept="keeps")
        .explode("kind", "kept")
        .group_by("kind")
        .agg(asked=pl.len(), kept=pl.col("kept").mean())
        .select(
            pl.lit(policy).alias("policy"), "kind", held_out=pl.col("kind").is_in(HELD_OUT), asked="asked", kept="kept"
        )
        .sort("held_out", "kind")
    )


def figures(policy: str, rows: pl.DataFrame, base: pl.DataFrame, *, resamples: int, seed: int) -> pl.DataFrame:
    """`reports/requests.csv`, of one policy's `answered` rows and π₀'s: one row per group of requests.

    `gain` is of gold over π₀, with its 95 % interval by paired bootstrap over requests; `kept` the share of all that
    was asked; `kl` the mean of log π − log π₀, in nats per answer; `perplexity` of the answers under π₀, by token;
    `repetition` the share of runs of three words that came before. Raises `TableError` where the requests differ.
    """
    if not rows["prompt_id"].equals(base["prompt_id"]):
        raise TableError(f"{policy} and π₀ answered other requests\n  `dvc repro evaluate` answers again")
    held_out = rows["held_out"]
    groups = zip(GROUPS, (pl.Series([True] * rows.height), ~held_out, held_out), strict=True)
    found = [
        {"policy": policy, "group": name, **_of_group(rows.filter(which), base.filter(which), resamples, seed)}
        for name, which in groups
        if which.any()
    ]
    return pl.DataFrame(found, infer_schema_length=None)


def _of_group(rows: pl.DataFrame, base: pl.DataFrame, resamples: int, seed: int) -> dict[str, Any]:
    gain = (rows["gold_reward"] - base["gold_reward"]).to_numpy()
    low, high = metrics.bootstrap(np.stack([gain]), resamples=resamples, seed=seed)
    logps = pl.col("policy_logps") - pl.col("ref_logps")
    surprise = -pl.col("ref_logps").sum() / pl.col("response_tokens").sum()  # nats per token
    means = rows.select(
        pl.col("gold_reward").mean(),
        kept=pl.col("keeps").explode().mean(),
        repetition=pl.col("repetition").mean(),
        perplexity=surprise.exp(),
        kl=logps.mean(),
        response_chars=pl.col("response_chars").mean(),
        truncated=(pl.col("finish_reason").cast(pl.String) == "length").mean(),
    ).row(0, named=True)
    return {
        "requests": rows.height,
        "gold_reward": means.pop("gold_reward"),
        "gain": gain.mean(),
        "gain_low": low[0],
        "gain_high": high[0],
        **means,
    }
