"""Drift from π₀: log-probabilities of a policy's test responses, and a second judge's verdicts on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import polars as pl

from rlhf_data.errors import TableError
from rlhf_data.hashing import content_id
from rlhf_data.inference.protocols import Judge, ResponsePair
from rlhf_data.judges import both_orders
from rlhf_data.loop.responses import with_prompts

# What decides a row, and what is computed for it; `job` is the fingerprint of the models
ASKED = ("prompt_id", "response_id", "job")
LOGPS = ("policy_logps", "ref_logps")
COMPARED = ("prompt_id", "answers_id", "job")
VERDICTS = ("shown_first", "shown_second", "preference")

SPLIT = "test"  # that policies are reported on

Logps = Callable[[pl.DataFrame], list[float]]  # nats of each row's response


def answers(evaluations: pl.DataFrame, *, job: str) -> pl.DataFrame:
    """The answers to test prompts with what decides their log-probabilities (`ASKED`)."""
    rows = evaluations.filter(pl.col("split") == SPLIT)
    found = [content_id(*one) for one in rows.select("response", "finish_reason").iter_rows()]
    return rows.with_columns(response_id=pl.Series(found, dtype=pl.String), job=pl.lit(job))


def with_logps(
    rows: pl.DataFrame, prompts: pl.DataFrame, policy: Logps, reference: Logps, *, part: int
) -> Iterator[pl.DataFrame]:
    """`answers` rows with both models' log-probabilities (`LOGPS`), `part` at a time."""
    for some in with_prompts(rows, prompts).iter_slices(part):
        ours = policy(some)
        theirs = ours if policy is reference else reference(some)
        values = {name: pl.Series(logps, dtype=pl.Float32) for name, logps in zip(LOGPS, (ours, theirs), strict=True)}
        yield some.with_columns(**values)


def against(policy: pl.DataFrame, base: pl.DataFrame, *, judge: str, job: str) -> pl.DataFrame:
    """A policy's answer to each test prompt (`response`) and π₀'s (`base_response`), with what decides a verdict.

    Raises `TableError` where the two did not answer the same prompts.
    """
    ours, theirs = (table.filter(pl.col("split") == SPLIT).select("prompt_id", "response") for table in (policy, base))
    rows = ours.join(
        theirs.rename({"response": "base_response"}), on="prompt_id", how="left", validate="1:1", maintain_order="left"
    )
    if rows.height != theirs.height or rows["base_response"].null_count():
        raise TableError(
            f"{ours.height} and {theirs.height} {SPLIT} answers are not to the same prompts\n"
            "  `dvc repro evaluate` answers again"
        )
    ids = [content_id(*one) for one in rows.select("response", "base_response").iter_rows()]
    return rows.with_columns(answers_id=pl.Series(ids, dtype=pl.String), judge=pl.lit(judge), job=pl.lit(job))


def draws(rows: pl.DataFrame) -> pl.DataFrame:
    """The `against` rows whose two answers are the same text, a tie without asking the judge."""
    same = rows.filter(pl.col("response") == pl.col("base_response"))
    unasked = pl.lit(None, dtype=pl.Float64)
    return same.with_columns(shown_first=unasked, shown_second=unasked, preference=pl.lit(0.5))


def with_verdicts(
    rows: pl.DataFrame, prompts: pl.DataFrame, judge: Judge, orders: Literal["both", "one"], *, part: int
) -> Iterator[pl.DataFrame]:
    """`against` rows with P(the policy's answer is better) (`VERDICTS`), `part` at a time; null: no verdict."""
    for some in with_prompts(rows, prompts).iter_slices(part):
        shown = [ResponsePair(*one) for one in some.select("prompt", "response", "base_response").iter_rows()]
        first, second = both_orders.both_orders(judge, shown, orders)
        found = (first, second, both_orders.average(first, second))
        values = {name: pl.Series(p, dtype=pl.Float64) for name, p in zip(VERDICTS, found, strict=True)}
        yield some.with_columns(**values).with_columns(pl.col(VERDICTS).fill_nan(None))
