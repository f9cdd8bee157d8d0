"""Answers to requests → what they keep of their constraints, by policy and kind, and whether gold was gamed for it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl

from rlhf_data.errors import TableError
from rlhf_data.evaluation import metrics
from rlhf_data.requests import constraints, gold
from rlhf_data.requests.gold import Request

GROUPS = ("all", "trained", "held_out")  # requests: every one, those of known kinds alone, those with a held-out kind


def answered(evaluations: pl.DataFrame, logprobs: pl.DataFrame, prompts: pl.DataFrame) -> pl.DataFrame:
    """A policy's `test` answers with their requests' `reference` and log-probabilities, by `prompt_id`.

    Raises `TableError` where an answer's prompt is no request, or has no log-probability.
    """
    rows = (
        evaluations.filter(pl.col("split") == "test")
        .join(prompts.select("prompt_id", "reference"), on="prompt_id", how="left", validate="1:1")
        .join(logprobs.select("prompt_id", "policy_logps", "ref_logps"), on="prompt_id", how="left", validate="1:1")
        .sort("prompt_id")
    )
    if lost := rows.select(pl.any_horizontal(pl.col("reference", "policy_logps").is_null()).sum()).item():
        raise TableError(f"{lost} of {rows.height} answers are to no request, or have no log-probability")
    return rows


def kept(policy: str, rows: pl.DataFrame) -> pl.DataFrame:
    """`reports/constraints.csv`, of one policy's `answered` rows: by kind, how often it was asked and kept."""
    found = [
        {"kind": kind, "kept": keeps}
        for reference, response in rows.select("reference", "response").iter_rows()
        for kind, keeps in gold.read(reference).kept(response).items()
    ]
    return (
        pl.DataFrame(found, schema={"kind": pl.String, "kept": pl.Boolean})
        .group_by("kind")
        .agg(asked=pl.len(), kept=pl.col("kept").mean())
        .select(
            pl.lit(policy).alias("policy"),
            "kind",
            held_out=pl.col("kind").is_in(list(constraints.HELD_OUT)),
            asked="asked",
            kept="kept",
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
    requests = [gold.read(reference) for reference in rows["reference"]]
    held_out = pl.Series([_is_held_out(one) for one in requests])
    groups = zip(GROUPS, (pl.Series([True] * rows.height), ~held_out, held_out), strict=True)
    found = [
        {"policy": policy, "group": name, **_of_group(rows.filter(which), base.filter(which), resamples, seed)}
        for name, which in groups
        if which.any()
    ]
    return pl.DataFrame(found, infer_schema_length=None)


def _is_held_out(request: Request) -> bool:
    return any(one.kind in constraints.HELD_OUT for one in request.constraints)


def _of_group(rows: pl.DataFrame, base: pl.DataFrame, resamples: int, seed: int) -> dict[str, Any]:
    gain = (rows["gold_reward"] - base["gold_reward"]).to_numpy()
    low, high = metrics.bootstrap(np.stack([gain]), resamples=resamples, seed=seed)
    said = rows.select("reference", "response").iter_rows()
    keeps = [one for reference, response in said for one in gold.read(reference).kept(response).values()]
    repeated = [gold.repetition(constraints.words(response)) for response in rows["response"]]
    means = rows.select(
        "gold_reward",
        kl=pl.col("policy_logps") - pl.col("ref_logps"),
        response_chars="response_chars",
        truncated=pl.col("finish_reason").cast(pl.String) == "length",
    ).mean()
    surprise = rows.select(-pl.col("ref_logps").sum() / pl.col("response_tokens").sum()).item()
    found = means.row(0, named=True)
    return {
        "requests": rows.height,
        "gold_reward": found.pop("gold_reward"),
        "gain": gain.mean(),
        "gain_low": low[0],
        "gain_high": high[0],
        "kept": sum(keeps) / len(keeps),
        "repetition": sum(repeated) / len(repeated),
        "perplexity": math.exp(surprise),
        **found,
    }
