"""Held-out prompts and what a policy answered → `Evaluations` rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl

from rlhf_data.errors import TableError

ASKED = ("prompt_id", "seed", "temperature", "job")  # what decides a response; there is one per prompt


def held_out(shards: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """The prompts of all shards, each with its shard's name as `split`."""
    return pl.concat([shard.with_columns(split=pl.lit(name)) for name, shard in shards.items()])


def with_gold(
    answered: pl.DataFrame, prompts: pl.DataFrame, golds: Mapping[str, Callable[..., float | None]]
) -> pl.DataFrame:
    """Answered prompts with `split`, and the gold reward where `golds` has one for the prompt's source.

    A gold is called as `gold(reference, response, finished=…)`. Raises `TableError` where a prompt is unknown.
    """
    known = prompts.select("prompt_id", "split", "source", "reference")
    rows = answered.join(known, on="prompt_id", how="left", validate="1:1", maintain_order="left")
    if unknown := rows["split"].null_count():
        raise TableError(f"{unknown} of {rows.height} answers are to a prompt that is in no held-out shard")
    found = [
        golds[source](reference, response, finished=reason == "stop") if source in golds else None
        for source, reference, response, reason in rows.select(
            "source", "reference", "response", "finish_reason"
        ).iter_rows()
    ]
    return rows.with_columns(gold_reward=pl.Series(found, dtype=pl.Float32)).drop(
        "prompt", "sample", "source", "reference"
    )
