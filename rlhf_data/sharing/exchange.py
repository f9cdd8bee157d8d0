"""Our tables ↔ the layouts of other tools: TRL's data sets, and the record per prompt of released iterative-DPO data.

{"prompt": [{"role": "user", "content": "Name a fish."}], "responses": ["A carp.", "Tea."], "rewards": [2.1, -0.3]}
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import polars as pl

from rlhf_data.cleaning import rejects
from rlhf_data.cleaning.growing import Growing
from rlhf_data.cleaning.validation import check_response
from rlhf_data.errors import TableError
from rlhf_data.hashing import content_id, conversation_id
from rlhf_data.loop import pairs
from rlhf_data.schemas import Generations, Message, Prompts, Rejects, Rewards
from rlhf_data.sources import chats, fields, markup, unread
from rlhf_data.sources.records import BadRecord, Response

SCORED = ("prompt", "responses", "rewards")
SAMPLES = 256  # of one prompt, numbered in eight bits
FLOAT32_MAX = (2 - 2**-23) * 2.0**127


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
    """One row per prompt (`SCORED`), responses by sample.

    Raises `TableError` unless the tables match one to one, and each reward was given to the text beside it.
    """
    said = pairs.with_rewards(generations, rewards)
    asked = prompts.select("prompt_id", "prompt").with_row_index("order")
    found = said.join(asked, on="prompt_id", how="left", validate="m:1").sort("order", "sample")
    if broken := found["prompt"].null_count():
        raise TableError(f"{broken} responses have no prompt\n  `dvc repro` makes tables that match")
    return found.group_by("order", maintain_order=True).agg(
        pl.col("prompt").first(), pl.col("response").alias("responses"), pl.col("reward").alias("rewards")
    )[list(SCORED)]


def from_scored_records(
    records: Iterable[object],
    *,
    iteration: int,
    finish_reason: str,
    judge: str,
    job: str,
    source: str,
    left: Counter[str] | None = None,
) -> dict[str, pl.DataFrame]:
    """`prompts`, `generations`, `rewards` and `rejects` of records (`SCORED`).

    Of a prompt that comes twice all responses are taken. Each record is held to what a source's is: roles and order,
    no empty turn, finite numbers, text that Unicode knows. What the records cannot tell is null: tokens, temperature,
    seed. Fields that are not read are counted in `left`, or refuse the record (`sources.unread`). Raises `TableError`
    where no record can be used.
    """
    kinds = {"prompts": Prompts, "generations": Generations, "rewards": Rewards, "rejects": Rejects}
    made = {name: Growing(schema) for name, schema in kinds.items()}
    unknown = dict.fromkeys(("prompt_tokens", "reference", "response_tokens", "temperature", "seed"))
    drawn: Counter[str] = Counter()
    read = unread.reading(_answered, (), (Counter[str]() if left is None else left).update)
    number = -1
    for number, record in enumerate(records):
        try:
            prompt, answers = read(record)
            prompt_id = conversation_id(prompt)
            if drawn[prompt_id] + len(answers) > SAMPLES:
                raise BadRecord("too_many_responses", f"more than {SAMPLES} to one prompt")
        except BadRecord as bad:
            made["rejects"].append({"source": source, "row": number} | rejects.row(bad, record))
            continue
        row = {"prompt_id": prompt_id, "source": source, "row": number, "iteration": iteration, "job": job, **unknown}
        if prompt_id not in drawn:
            made["prompts"].append(row | {"prompt": prompt})
        for response, reward in answers:
            said = {"sample": drawn[prompt_id], "response": response, "response_chars": len(response)}
            given = {"reward": reward, "judge": judge, "response_id": content_id(response)}
            made["generations"].append(row | said | {"finish_reason": finish_reason})
            made["rewards"].append(row | said | given)
            drawn[prompt_id] += 1
    found = {name: growing.frame() for name, growing in made.items()}
    if not drawn:
        first = "; the first: {rule}, {detail}".format(**found["rejects"].row(0, named=True)) if number >= 0 else ""
        raise TableError(f"none of {number + 1} records can be used{first}")
    return found


def _answered(record: object) -> tuple[list[Message], list[tuple[str, float]]]:
    """A record's prompt, and each response with its reward."""
    asked = fields.messages_of_text(fields.value(record, "prompt"))
    prompt = chats.messages(record, "prompt") if isinstance(asked, list) else chats.user_turn(record, "prompt")
    if any(markup.found(turn["content"]) for turn in prompt) and not isinstance(asked, list):
        raise BadRecord("markup", "a text that a chat template made cannot be taken apart again: export the messages")
    responses, rewards = fields.items(record, "responses"), fields.items(record, "rewards")
    if len(responses) != len(rewards):
        raise BadRecord("wrong_layout", f"{len(responses)} responses, {len(rewards)} rewards")
    answers = []
    for response, reward in zip(responses, rewards, strict=True):
        found = Response(prompt, fields.as_text(response, "a response"), fields.as_number(reward, "a reward"))
        check_response(found)
        if abs(found.score) > FLOAT32_MAX:
            raise BadRecord("not_a_number", f"a reward is {found.score:g}, beyond what a table's reward can be")
        answers.append((response, found.score))
    return prompt, answers
