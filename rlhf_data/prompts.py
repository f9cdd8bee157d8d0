"""prompt pool → shards: one per iteration, `dev` and `test` held out, `unused` beyond a shard's size."""

from __future__ import annotations

import json
from collections.abc import Sequence

import polars as pl

from rlhf_data.errors import TableError
from rlhf_data.ids import fraction, is_held_out


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
    prompts: pl.DataFrame,
    iterations: Sequence[str],
    *,
    held_out: float,
    per_iteration: int,
    dev: int,
    test: int,
    seed: int,
) -> dict[str, pl.DataFrame]:
    """Disjoint shards by name: each iteration's, `dev`, `test`, and `unused`.

    A prompt's content and the seed decide its shard; in a shard they decide the order, of which the first
    `per_iteration` (`dev`, `test`) stay. A new source so moves no prompt from one shard to another.
    """
    sizes = {name: per_iteration for name in iterations} | {"dev": dev, "test": test}
    names = [
        _slot(
            ("dev", "test") if is_held_out(one, share=held_out, seed=seed) else tuple(iterations),
            fraction(seed, "shard", one),
        )
        for one in prompts["prompt_id"]
    ]
    order = [fraction(seed, "order", one) for one in prompts["prompt_id"]]
    dealt = prompts.with_columns(
        shard=pl.Series(names, dtype=pl.String), order=pl.Series(order, dtype=pl.Float64)
    ).sort("order", "prompt_id")
    place = pl.int_range(pl.len()).over("shard")
    dealt = dealt.with_columns(
        shard=pl.when(place < pl.col("shard").replace_strict(sizes)).then("shard").otherwise(pl.lit("unused"))
    )
    shards = {name: dealt.filter(pl.col("shard") == name).drop("shard", "order") for name in [*sizes, "unused"]}
    if empty := [name for name in sizes if shards[name].is_empty()]:
        raise TableError(
            f"{prompts.height} prompts are too few: none is left for {', '.join(empty)}\n"
            "  add prompt sources, raise held_out for dev and test, or raise prompts.max_tokens"
        )
    return shards


def _slot(names: tuple[str, ...], position: float) -> str:
    return names[int(position * len(names))]
