"""prompt pool → shards: one per iteration, `dev` and `test` held out, `unused` beyond a shard's size."""

from __future__ import annotations

import json
from collections.abc import Mapping

import polars as pl

from rlhf_data.errors import TableError
from rlhf_data.ids import fraction, is_held_out

HELD_OUT = ("dev", "test")


def usable(pool: pl.DataFrame, *, max_tokens: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The prompts to deal, and those dropped: `prompt_too_long`, or `duplicate` of a prompt of an earlier source.

    `pool` is `PromptPool` with `prompt_tokens`; the dropped rows are `Rejects`.
    """
    ordered = pool.sort("source", "row")
    too_long = pl.col("prompt_tokens") > max_tokens
    first = pl.struct("source", "row").first().over("prompt_id")
    judged = ordered.with_columns(
        rule=pl.when(too_long)
        .then(pl.lit("prompt_too_long"))
        .when(first != pl.struct("source", "row"))
        .then(pl.lit("duplicate")),
        detail=pl.when(too_long)
        .then(pl.format("{} tokens, at most " + str(max_tokens), "prompt_tokens"))
        .otherwise(pl.format("of {} row {}", first.struct.field("source"), first.struct.field("row"))),
    )
    dropped = judged.filter(pl.col("rule").is_not_null())
    raw = pl.Series("raw", [json.dumps({"prompt": prompt}) for prompt in dropped["prompt"].to_list()], dtype=pl.String)
    rejects = dropped.select("source", "row", "rule", "detail").with_columns(raw)
    return judged.filter(pl.col("rule").is_null()).drop("rule", "detail"), rejects


def deal(
    prompts: pl.DataFrame, sizes: Mapping[str, int], *, shards: int, held_out: float, seed: int
) -> dict[str, pl.DataFrame]:
    """Disjoint tables by name: each iteration's, `dev` and `test`, of at most their `sizes`, and `unused`.

    A prompt's content and the seed decide its shard, one of `shards` or of the two held-out ones, and its place in it.
    Iteration t takes the first prompts of shard t; where there are more iterations than shards, they go round, each
    taking the next ones. So a new source moves no prompt to another shard, and a new iteration moves none at all.
    """
    iterations = [name for name in sizes if name not in HELD_OUT]
    sides = [is_held_out(one, share=held_out, seed=seed) for one in prompts["prompt_id"]]
    slots = [
        HELD_OUT[int(position * 2)] if held else str(int(position * shards))
        for held, position in zip(sides, _fractions(prompts, "shard", seed), strict=True)
    ]
    dealt = prompts.with_columns(
        slot=pl.Series(slots, dtype=pl.String), order=pl.Series(_fractions(prompts, "order", seed), dtype=pl.Float64)
    ).sort("order", "prompt_id")
    place = pl.int_range(pl.len()).over("slot")
    takers = {name: (name, 0) for name in HELD_OUT} | {
        name: (str(t % shards), t // shards * sizes[name]) for t, name in enumerate(iterations)
    }
    found = {
        name: dealt.filter(pl.col("slot") == slot, place.is_between(start, start + sizes[name], closed="left"))
        for name, (slot, start) in takers.items()
    }
    found["unused"] = dealt.join(pl.concat(found.values()), on="prompt_id", how="anti", maintain_order="left")
    if empty := [name for name in sizes if found[name].is_empty()]:
        raise TableError(
            f"{prompts.height} prompts are too few: none is left for {', '.join(empty)}\n"
            "  add prompt sources, raise held_out for dev and test, or raise prompts.max_tokens"
        )
    return {name: found[name].drop("slot", "order") for name in [*sizes, "unused"]}


def _fractions(prompts: pl.DataFrame, purpose: str, seed: int) -> list[float]:
    return [fraction(seed, purpose, one) for one in prompts["prompt_id"]]
