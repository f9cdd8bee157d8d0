"""prompt pool → shards: one per iteration, `dev` and `test` held out, `unused` beyond a shard's size."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping

import polars as pl

from rlhf_data.cleaning.decontamination import Evaluation
from rlhf_data.cleaning.near_duplicates import repeats
from rlhf_data.cleaning.rules import PLACE, Judge, contaminated, contents, screen
from rlhf_data.errors import TableError
from rlhf_data.hashing import first_questions, fraction, is_held_out, normal_forms
from rlhf_data.params.cleaning import NearDuplicateParams, PromptsParams
from rlhf_data.schemas import Rejects

HELD_OUT = ("dev", "test")
UNUSED = "unused"


def usable(
    pool: pl.DataFrame, *, max_tokens: int, against: Evaluation | None, near: NearDuplicateParams | None, seed: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The prompts to deal, and those dropped, as `Rejects`.

    In this order: `prompt_too_long`, `contaminated`, `duplicate` and `near_duplicate` of a prompt of an earlier row or
    source, by name. `pool` is `PromptPool` with `prompt_tokens`.
    """
    judges: dict[str, Judge] = {"prompt_too_long": lambda found: _too_long(found, max_tokens)}
    if against is not None:
        judges["contaminated"] = lambda found: contaminated(found, against)
    judges["duplicate"] = _duplicate
    if near is not None:
        judges["near_duplicate"] = lambda found: _near_duplicate(found, near, seed)

    kept, dropped = screen(pool.sort("source", "row"), judges)

    raw = pl.Series("raw", [json.dumps({"prompt": prompt}) for prompt in dropped["prompt"].to_list()], dtype=pl.String)
    return kept, dropped.with_columns(raw).select(Rejects.column_names()).sort("source", "row")


def sizes(section: PromptsParams, iterations: Iterable[str]) -> dict[str, int]:
    """The most prompts that each iteration, `dev` and `test` take."""
    return {**dict.fromkeys(iterations, section.per_iteration), "dev": section.dev, "test": section.test}


def deal_as(
    section: PromptsParams, prompts: pl.DataFrame, iterations: Iterable[str], *, held_out: float, seed: int
) -> dict[str, pl.DataFrame]:
    """As `deal`, with the sizes, shards and evaluated sources of a profile's section."""
    most = sizes(section, iterations)
    return deal(prompts, most, shards=section.shards, held_out=held_out, seed=seed, evaluated=section.held_out)


def deal(
    prompts: pl.DataFrame,
    sizes: Mapping[str, int],
    *,
    shards: int,
    held_out: float,
    seed: int,
    evaluated: Collection[str] | None = None,
) -> dict[str, pl.DataFrame]:
    """Disjoint tables by name: each iteration's, `dev` and `test`, of at most their `sizes`, and `unused`.

    A prompt's first question and the seed decide whether it is held out; its whole content and the seed decide its
    shard, one of `shards` or of the two held-out ones, and its place there. Iteration t takes the first prompts of
    shard t; where there are more iterations than shards, they go round, each taking the next ones. So a new source
    moves no prompt to another shard, and a new iteration moves none at all.

    Where the sources that are `evaluated` are named, all of their prompts are for dev and test, and those of others
    that are held out, or start with the same question, stay in `unused`.
    """
    iterations = [name for name in sizes if name not in HELD_OUT]
    questions = normal_forms(first_questions(prompts))
    held = pl.Series([is_held_out(one, share=held_out, seed=seed) for one in questions], dtype=pl.Boolean)
    asked = held if evaluated is None else prompts["source"].is_in(list(evaluated))
    kept_out = held | questions.is_in(questions.filter(asked).to_list())
    slots = [
        HELD_OUT[int(position * 2)] if tests else UNUSED if out else str(int(position * shards))
        for tests, out, position in zip(asked, kept_out, _fractions(prompts, "shard", seed), strict=True)
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
    found[UNUSED] = dealt.join(pl.concat(found.values()), on="prompt_id", how="anti", maintain_order="left")
    if empty := [name for name in sizes if found[name].is_empty()]:
        raise TableError(
            f"{prompts.height} prompts are too few: none is left for {', '.join(empty)}\n"
            "  add prompt sources; lower prompts.per_iteration, dev or test; take fewer iterations (params.yaml, and "
            "prompts.shards); raise held_out for dev and test, or prompts.max_tokens"
        )
    return {name: found[name].drop("slot", "order") for name in [*sizes, UNUSED]}


def _too_long(prompts: pl.DataFrame, most: int) -> pl.Series:
    tokens = pl.col("prompt_tokens")
    return prompts.select(pl.when(tokens > most).then(pl.format(f"{{}} tokens, at most {most}", tokens))).to_series()


def _duplicate(prompts: pl.DataFrame) -> pl.Series:
    repeated = pl.int_range(pl.len()).over("prompt_id") > 0
    return prompts.select(pl.when(repeated).then(pl.format("of {}", PLACE.first().over("prompt_id")))).to_series()


def _near_duplicate(prompts: pl.DataFrame, near: NearDuplicateParams, seed: int) -> pl.Series:
    places = prompts.select(PLACE).to_series()
    details = [
        None if repeat is None else f"of {places[repeat.of]}, similarity {repeat.similarity:.2f}"
        for repeat in repeats(contents(prompts["prompt"]), near, seed=seed)
    ]
    return pl.Series(details, dtype=pl.String)


def _fractions(prompts: pl.DataFrame, purpose: str, seed: int) -> list[float]:
    return [fraction(seed, purpose, one) for one in prompts["prompt_id"]]
