"""Held-out prompts and what a policy answered → `Evaluations` rows."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from rlhf_data.world import gold


def held_out(shards: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """The prompts of all shards, each with its shard's name as `split`."""
    return pl.concat([shard.with_columns(split=pl.lit(name)) for name, shard in shards.items()])


def with_gold(answered: pl.DataFrame, prompts: pl.DataFrame) -> pl.DataFrame:
    """Answered prompts with `split`, and the gold reward where the prompt's reference lets it be known."""
    rows = answered.join(
        prompts.select("prompt_id", "split", "reference"), on="prompt_id", validate="1:1", maintain_order="left"
    )
    golds = [
        gold.of(reference, response, finished=reason == "stop")
        for reference, response, reason in rows.select("reference", "response", "finish_reason").iter_rows()
    ]
    return rows.with_columns(gold_reward=pl.Series(golds, dtype=pl.Float32)).drop("prompt", "sample", "reference")
