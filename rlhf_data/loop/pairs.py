"""Pairing: the best and the worst usable response to each prompt by length-penalised reward (paper, eq. 9)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import polars as pl

from rlhf_data.errors import TableError
from rlhf_data.hashing import content_id, normal_forms
from rlhf_data.schemas import PairRejects

IS_EMPTY = pl.col("response").str.strip_chars() == ""
IS_TRUNCATED = pl.col("finish_reason") == "length"
ROWS = 500_000  # responses that are in memory at once
PAIRED, TOO_LONG, UNANSWERED = "paired", "too_long_to_train", "not_answered"
# Which pairs training can hold whole: of rows with both texts, and what is known of their tokens
Fits = Callable[[pl.DataFrame], pl.Series]
BESIDE = ("chosen_chars", "rejected_chars", "chosen_said", "rejected_said", "responses")  # of `ends`, of no pair


class Paired(NamedTuple):
    """What became of scored responses: each is in a pair or in the rejects, with the rule that left it out."""

    pairs: pl.DataFrame
    rejects: pl.DataFrame  # `PairRejects`
    prompts: Mapping[str, int]  # how many made a pair (`PAIRED`), and how many none, by rule
    responses: Mapping[str, int]  # how many there are, and of them truncated and empty ones


def with_rewards(generations: pl.DataFrame, rewards: pl.DataFrame) -> pl.DataFrame:
    """Each response with its reward.

    Raises `TableError` unless they match one to one, and each reward was given to this very text in this iteration:
    a key alone would not tell when responses, or rewards, are those of another run.
    """
    key = ["prompt_id", "sample"]
    unscored = generations.join(rewards, on=key, how="anti").height
    unknown = rewards.join(generations, on=key, how="anti").height
    if unscored or unknown:
        raise TableError(
            f"generations and rewards do not match: {unscored} responses have no reward, "
            f"{unknown} rewards have no response\n  `dvc repro` scores again"
        )
    given = rewards.select(*key, "reward", "response_id", given_in="iteration")
    scored = generations.join(given, on=key, how="left", validate="1:1", maintain_order="left")
    texts = pl.Series([content_id(text) for text in scored["response"]], dtype=pl.String)
    if other := ((scored["response_id"] != texts) | (scored["iteration"] != scored["given_in"])).sum():
        raise TableError(
            f"{other} of {scored.height} rewards were given to another text, or in another iteration, than the "
            "response beside them\n  `dvc repro` scores again"
        )
    return scored.drop("response_id", "given_in")


def best_worst(
    scored: pl.DataFrame,
    prompts: pl.DataFrame,
    *,
    length_penalty: float,
    min_margin: float,
    drop_truncated: bool,
    fits: Fits | None = None,
) -> Paired:
    """The pairs, the responses that are in none, and how many prompts made none, by rule.

    Ranked by reward − length_penalty × chars (paper, eq. 9); equal ranks go by sample, lowest first. A prompt
    makes no pair when fewer than two of its responses can be used (`too_few_usable`: empty ones never, truncated ones
    not with `drop_truncated`), all ranks are equal (`tie`), the two ends have one normal form (`same_response`), or lie
    closer than `min_margin` (`small_margin`). `fits` says which pairs training can hold whole; the others are
    `too_long_to_train`: of a side that is cut, what is left is no answer.
    """
    rows = usable(scored, drop_truncated=drop_truncated)
    asked = prompts.select("prompt_id", "prompt")
    found = asked.join(ends(rows, length_penalty=length_penalty), on="prompt_id", how="left", validate="1:1")
    judged = found.with_columns(reason=reason(min_margin=min_margin)).sort("prompt_id")
    if fits is not None:
        judged = _without_long(judged, scored, prompts, fits)
    counts = dict(judged.group_by("reason").len().sort("reason").iter_rows())
    rejects = _rejects(scored, judged, drop_truncated=drop_truncated)
    pairs = judged.filter(pl.col("reason") == PAIRED).drop("reason", *BESIDE)
    return Paired(pairs, rejects, counts, _counts(scored))


def _counts(scored: pl.DataFrame) -> dict[str, int]:
    return {
        "responses": scored.height,
        "truncated_responses": scored.filter(IS_TRUNCATED).height,
        "empty_responses": scored.filter(IS_EMPTY).height,
    }


def _rejects(scored: pl.DataFrame, judged: pl.DataFrame, *, drop_truncated: bool) -> pl.DataFrame:
    """The responses that are in no pair: by their own fault, by what kept their prompt from one, or as `in_between`."""
    ends = judged.select("prompt_id", "reason", "chosen_sample", "rejected_sample")
    rule = (
        pl.when(IS_EMPTY)
        .then(pl.lit("empty"))
        .when(IS_TRUNCATED & drop_truncated)
        .then(pl.lit("truncated"))
        .when(pl.col("reason") != PAIRED)
        .then(pl.col("reason"))
        .otherwise(pl.lit("in_between"))
    )
    in_pair = (pl.col("reason") == PAIRED) & (
        (pl.col("sample") == pl.col("chosen_sample")) | (pl.col("sample") == pl.col("rejected_sample"))
    )
    beside = scored.join(ends, on="prompt_id", validate="m:1")
    found = beside.filter(~in_pair).with_columns(rule=rule.cast(PairRejects.create_empty().schema["rule"]))
    return found.select(PairRejects.column_names()).sort("prompt_id", "sample")


def _without_long(judged: pl.DataFrame, scored: pl.DataFrame, prompts: pl.DataFrame, fits: Fits) -> pl.DataFrame:
    found = judged.filter(pl.col("reason") == PAIRED)
    found = found.join(prompts.select("prompt_id", "prompt_tokens"), on="prompt_id", how="left", maintain_order="left")
    for side in ("chosen", "rejected"):
        names = {"sample": f"{side}_sample", "response_tokens": f"{side}_tokens"}
        tokens = scored.select("prompt_id", *names).rename(names)
        found = found.join(tokens, on=["prompt_id", names["sample"]], how="left", maintain_order="left")
    long = pl.col("prompt_id").is_in(found.filter(~fits(found))["prompt_id"].to_list())
    return judged.with_columns(reason=pl.when(long).then(pl.lit(TOO_LONG)).otherwise("reason"))


def usable(scored: pl.DataFrame, *, drop_truncated: bool) -> pl.DataFrame:
    """The responses that may join a pair: no empty one, and no truncated one with `drop_truncated`.

    `said` is the normal form of each, by which two are the same.
    """
    rows = scored.filter(~IS_EMPTY & ~(IS_TRUNCATED & drop_truncated))
    return rows.with_columns(said=normal_forms(rows["response"]))


def ends(rows: pl.DataFrame, *, length_penalty: float) -> pl.DataFrame:
    """The best and the worst of the usable responses to each prompt, one row per prompt, in order of `prompt_id`.

    Ranked by reward − length_penalty × characters (paper, eq. 9), in 64 bits; of equal ranks the lowest sample is the
    best. `margin` is between the two ranks.
    """
    rank = pl.col("reward").cast(pl.Float64) - length_penalty * pl.col("response_chars")
    ranked = rows.with_columns(rank=rank).sort("prompt_id", "rank", "sample", descending=[False, True, False])
    return ranked.group_by("prompt_id", maintain_order=True).agg(
        pl.col("iteration").first(),
        pl.col("response").first().alias("chosen"),
        pl.col("response").last().alias("rejected"),
        pl.col("sample").first().alias("chosen_sample"),
        pl.col("sample").last().alias("rejected_sample"),
        pl.col("reward").first().alias("chosen_reward"),
        pl.col("reward").last().alias("rejected_reward"),
        (pl.col("rank").first() - pl.col("rank").last()).alias("margin"),
        pl.col("response_chars").first().alias("chosen_chars"),
        pl.col("response_chars").last().alias("rejected_chars"),
        pl.col("said").first().alias("chosen_said"),
        pl.col("said").last().alias("rejected_said"),
        pl.len().alias("responses"),
    )


def reason(*, min_margin: float) -> pl.Expr:
    """What becomes of the two `ends` of a prompt: `PAIRED`, or why they make no pair."""
    return (
        pl.when(pl.col("responses").is_null() | (pl.col("responses") < 2))
        .then(pl.lit("too_few_usable"))
        .when(pl.col("margin") == 0)
        .then(pl.lit("tie"))
        .when(pl.col("chosen_said") == pl.col("rejected_said"))
        .then(pl.lit("same_response"))
        .when(pl.col("margin") < min_margin)
        .then(pl.lit("small_margin"))
        .otherwise(pl.lit(PAIRED))
    )


def in_parts(
    parts: Iterable[pl.DataFrame],
    prompts: pl.DataFrame,
    *,
    length_penalty: float,
    min_margin: float,
    drop_truncated: bool,
    fits: Fits | None = None,
) -> Paired:
    """`best_worst` of scored responses that come some prompts at a time.

    Memory holds one part, the pairs, and the keys of the rejects; prompts that nobody answered count as
    `not_answered`. Raises `TableError` where two parts hold responses to the same prompt.
    """
    settings: dict[str, Any] = {
        "length_penalty": length_penalty,
        "min_margin": min_margin,
        "drop_truncated": drop_truncated,
        "fits": fits,
    }
    made = []
    left = prompts.select("prompt_id", "prompt", *(["prompt_tokens"] if fits else []))
    for scored in parts:
        asked = left.join(scored, on="prompt_id", how="semi")
        if asked.height < scored["prompt_id"].n_unique():
            raise TableError(
                "responses answer a prompt that is not in the prompts table, or one whose other responses stand in "
                "another part\n  `dvc repro` generates again"
            )
        left = left.join(asked, on="prompt_id", how="anti")
        made.append(best_worst(scored, asked, **settings))
    return _together(made, unanswered=left.height)


def _together(made: Iterable[Paired], *, unanswered: int) -> Paired:
    pairs, rejects, prompts, responses = zip(*made, strict=True)
    asked = sum(map(Counter, prompts), Counter({UNANSWERED: unanswered}))
    answers = {name: sum(part[name] for part in responses) for name in responses[0]}
    return Paired(
        pl.concat(pairs).sort("prompt_id"),
        pl.concat(rejects).sort("prompt_id", "sample"),
        dict(sorted((+asked).items())),
        answers,
    )
