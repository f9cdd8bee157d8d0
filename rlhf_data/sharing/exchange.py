"""Our tables ↔ the layouts of other tools: TRL's data sets, and the record per prompt of released iterative-DPO data.

{"prompt": [{"role": "user", "content": "Name a fish."}], "responses": ["A carp.", "Tea."], "rewards": [2.1, -0.3]}
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import polars as pl

from rlhf_data.errors import TableError
from rlhf_data.hashing import content_id, conversation_id
from rlhf_data.schemas import Message

SCORED = ("prompt", "responses", "rewards")


def trl(table: pl.DataFrame) -> pl.DataFrame:
    """A table as TRL's trainers take it, whose name for the result is in brackets.

    Comparisons and pairs: `prompt`, `chosen` and `rejected` as message lists (preference, conversational); of history
    also the reference log-probabilities. Instructions: `messages` (language modelling). Prompts: `prompt` (prompt
    only). Raises `TableError` for a table that is none of these.
    """
    if {"prompt", "chosen", "rejected"} <= set(table.columns):
        references = [name for name in ("ref_chosen_logps", "ref_rejected_logps") if name in table.columns]
        return table.select("prompt", *(_turn(name) for name in ("chosen", "rejected")), *references)
    for column in ("messages", "prompt"):
        if column in table.columns:
            return table.select(column)
    raise TableError("TRL has no format for this table\n  --format hf and jsonl take every table")


def _turn(column: str) -> pl.Expr:
    return pl.concat_list(pl.struct(role=pl.lit("assistant"), content=column)).alias(column)


def scored_records(prompts: pl.DataFrame, generations: pl.DataFrame, rewards: pl.DataFrame) -> pl.DataFrame:
    """One row per prompt (`SCORED`), responses by sample; raises `TableError` unless the tables match one to one."""
    key = ["prompt_id", "sample"]
    said = generations.select(*key, "response").join(rewards.select(*key, "reward"), on=key, how="full", coalesce=True)
    asked = prompts.select("prompt_id", "prompt").with_row_index("order")
    found = said.join(asked, on="prompt_id", how="left", validate="m:1").sort("order", "sample")
    for column, what in (("response", "rewards"), ("reward", "responses"), ("prompt", "responses")):
        if broken := found[column].null_count():
            raise TableError(f"{broken} {what} have no {column}\n  `dvc repro` makes tables that match")
    return found.group_by("order", maintain_order=True).agg(
        pl.col("prompt").first(), pl.col("response").alias("responses"), pl.col("reward").alias("rewards")
    )[list(SCORED)]


def from_scored_records(
    records: Iterable[object], *, iteration: int, finish_reason: str, judge: str, job: str, source: str
) -> dict[str, pl.DataFrame]:
    """`prompts`, `generations` and `rewards` of records (`SCORED`); of a prompt that comes twice, all responses.

    What the records cannot tell is null: tokens, temperature, seed. Raises `TableError` naming the first bad record.
    """
    prompts: dict[str, dict[str, Any]] = {}
    rows: list[dict[str, Any]] = []
    drawn: dict[str, int] = {}
    for number, record in enumerate(records):
        prompt, responses, scores = _checked(record, number)
        prompt_id = conversation_id(prompt)
        prompts.setdefault(prompt_id, {"prompt_id": prompt_id, "source": source, "row": number, "prompt": prompt})
        for response, reward in zip(responses, scores, strict=True):
            sample = drawn[prompt_id] = drawn.get(prompt_id, -1) + 1
            rows.append(
                {"prompt_id": prompt_id, "sample": sample, "response": response, "response_id": content_id(response)}
                | {"reward": reward}
            )
    if not rows:
        raise TableError("no records")
    said = pl.DataFrame(rows).with_columns(
        pl.lit(iteration).alias("iteration"), pl.lit(job).alias("job"), pl.lit(judge).alias("judge")
    )
    unknown = {name: pl.lit(None) for name in ("response_tokens", "temperature", "seed")}
    return {
        "prompts": pl.DataFrame(list(prompts.values())).with_columns(
            prompt_tokens=pl.lit(None), reference=pl.lit(None)
        ),
        "generations": said.drop("reward", "response_id", "judge").with_columns(
            response_chars=pl.col("response").str.len_chars(), finish_reason=pl.lit(finish_reason), **unknown
        ),
        "rewards": said.drop("response"),
    }


def _checked(record: object, number: int) -> tuple[list[Message], list[str], list[float]]:
    if not isinstance(record, dict) or (absent := [name for name in SCORED if name not in record]):
        raise TableError(f"record {number}: no {', '.join(absent) if isinstance(record, dict) else 'object'}")
    prompt, responses, rewards = (record[name] for name in SCORED)
    if not isinstance(prompt, list) or not all(_is_message(turn) for turn in prompt) or prompt[-1:] == []:
        raise TableError(
            f"record {number}: prompt is no list of messages (role, content)\n"
            "  a text that a chat template made cannot be taken apart again: export the messages"
        )
    if prompt[-1]["role"] != "user":
        raise TableError(f"record {number}: the prompt ends with {prompt[-1]['role']}, not with user")
    if not isinstance(responses, list) or not all(isinstance(one, str) for one in responses):
        raise TableError(f"record {number}: responses is no list of texts")
    if not isinstance(rewards, list) or not all(_is_number(one) for one in rewards):
        raise TableError(f"record {number}: rewards is no list of finite numbers")
    if len(responses) != len(rewards) or not responses:
        raise TableError(f"record {number}: {len(responses)} responses, {len(rewards)} rewards")
    return [Message(role=turn["role"], content=turn["content"]) for turn in prompt], responses, rewards


def _is_message(turn: object) -> bool:
    return isinstance(turn, dict) and all(isinstance(turn.get(name), str) for name in ("role", "content"))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
