"""What every table promises: its columns, its key and its rules, one class each.

One quantity has one name in every table; units are suffixes (`_chars`, `_tokens`); `<thing>_id` are keys.
Tables are checked at every read and write (`tables.py`). A column's `description` says what it means there, `COLUMNS`
what a name means in every table.
"""

from __future__ import annotations

from typing import TypedDict

import dataframely as dy
import polars as pl

COLUMNS = {  # what a name means wherever it stands
    "pair_id": "hash of the comparison's texts in normal form",
    "conversation_id": "hash of the conversation's texts in normal form",
    "prompt_id": "hash of the prompt's roles and texts in normal form",
    "source": "name of the source in the params",
    "row": "number of the record in its source, from 0",
    "rule": "why it was dropped",
    "detail": "what the rule found",
    "kind": "preferences, instructions or prompts",
    "mix": "name of the mix in the params",
    "side": "train, test, or unused by the mix",
    "step": "the stage that dropped it",
    "shard": "the iteration that the prompt is for, dev, test or unused",
    "policy": "iter0 for π₀, else the iteration that trained it",
    "iteration": "the paper's t, from 1",
    "test": "held_out for the mix's own test pairs, else the benchmark's name",
    "judge": "name of the judge in the params",
    "model": "the judge that was trained",
    "prompt": "messages up to the answer: a list of role and content",
    "messages": "the whole conversation: a list of role and content",
    "chosen": "the better response, its last turn alone",
    "rejected": "the worse response, its last turn alone",
    "chosen_score": "the source's score of the better response",
    "rejected_score": "the source's score of the worse response",
    "annotator": "who gave the label",
    "reference": "JSON: what a gold reward must know; null where no gold is known",
    "prompt_tokens": "tokens of the prompt's contents, without the chat template",
    "chosen_tokens": "tokens of the better response",
    "rejected_tokens": "tokens of the worse response",
    "chosen_chars": "characters of the better response",
    "rejected_chars": "characters of the worse response",
    "sample": "which of the K responses to the prompt, from 0",
    "chosen_sample": "sample of the better response",
    "rejected_sample": "sample of the worse response",
    "response": "the text that the policy wrote",
    "response_chars": "characters of the response",
    "response_tokens": "tokens of the response; null: imported, and not known",
    "finish_reason": "stop where the policy ended it, length where it was truncated",
    "chosen_finish_reason": "finish_reason of the better response",
    "rejected_finish_reason": "finish_reason of the worse response",
    "temperature": "that the response was sampled at",
    "chosen_temperature": "temperature of the better response",
    "rejected_temperature": "temperature of the worse response",
    "seed": "of this very response",
    "split": "dev or test",
    "reward": "of the judge, before any length penalty",
    "rank": "of the response among those to its prompt by reward, 1 the best",
    "chosen_reward": "reward of the better response, before the length penalty",
    "rejected_reward": "reward of the worse response, before the length penalty",
    "margin": "chosen minus rejected of what ranked them",
    "ref_rejected_logps": "as ref_chosen_logps, of the rejected response",
    "first_score": "score of the first response",
    "response_id": "content hash of the response",
    "job": "fingerprint of all that decided the row",
}


class Message(TypedDict):
    """One turn of a conversation; `role` is system, user or assistant."""

    role: str
    content: str


def meanings(schema: type[dy.Schema]) -> dict[str, str]:
    """What each column of a table means, in a line."""
    return {name: column.description or COLUMNS[name] for name, column in schema.columns().items()}


def _messages() -> dy.List:
    return dy.List(dy.Struct({"role": dy.String(), "content": dy.String()}), min_length=1)


class Preferences(dy.Schema):
    """One comparison: `data/preferences/<source>.parquet`, `data/mixes/<mix>/{train,test}.parquet`."""

    pair_id = dy.String(primary_key=True)
    source = dy.String()
    row = dy.UInt32(description="of the source's file, from 0: which record it came from")
    prompt_id = dy.String()
    prompt = _messages()
    chosen = dy.String(min_length=1, description="the final turn alone")
    rejected = dy.String(min_length=1)
    chosen_score = dy.Float64(nullable=True, description="as the source gives it")
    rejected_score = dy.Float64(nullable=True)
    margin = dy.Float64(nullable=True, description="chosen_score − rejected_score")
    annotator = dy.String()
    label_probability = dy.Float64(
        nullable=True, min=0, max=1, description="of this very label; known in the embedded world"
    )

    @dy.rule()
    def responses_differ(cls) -> pl.Expr:
        return pl.col("chosen") != pl.col("rejected")


class Rejects(dy.Schema):
    """One raw record that was dropped: `data/rejects/<step>.parquet`; of ingest, prompts or reward_tests."""

    source = dy.String(primary_key=True)
    row = dy.UInt32(primary_key=True)
    rule = dy.String()
    detail = dy.String()
    raw = dy.String(description="the record, as JSON text")


class Extras(dy.Schema):
    """Fields of a record that its source names as `extra`: `data/extras.parquet`, beside the rows it gave."""

    source = dy.String(primary_key=True)
    row = dy.UInt32(primary_key=True)
    extra = dy.String(description="JSON: field → value, of those that are not null")


class Counts(dy.Schema):
    """How many records of a source were read, and what they became: `data/counts.parquet`."""

    source = dy.String(primary_key=True)
    kind = dy.String()
    raw = dy.UInt32(description="records read")
    kept = dy.UInt32(description="records that gave at least one row")
    rows = dy.UInt32(description="rows they gave")
    unread = dy.List(
        dy.Struct({"field": dy.String(), "records": dy.UInt32()}), description="that no format read; in kept records"
    )
    markup = dy.UInt32(description="kept records with special tokens of a chat template in a text")


class Lengths(dy.Schema):
    """How many tokens a comparison has, without special tokens and chat template: `data/lengths/<source>.parquet`."""

    pair_id = dy.String(primary_key=True)
    prompt_tokens = dy.UInt32()
    chosen_tokens = dy.UInt32()
    rejected_tokens = dy.UInt32()


class MixRejects(dy.Schema):
    """One comparison that a mix dropped, or a use of the mix: `data/rejects/{mixes,offline,training}`.

    Rejects count the records that ingest read, and these the comparisons that it gave: one record may give several,
    and several mixes may use one source. So each mix has its own account, `reports/mixes.csv`.
    """

    mix = dy.String(primary_key=True)
    pair_id = dy.String(primary_key=True)
    source = dy.String()
    row = dy.UInt32()
    rule = dy.String()
    detail = dy.String(description="which other row, which evaluation item, or what was measured")
    raw = dy.String(description="the comparison, as JSON text")


class PairRejects(dy.Schema):
    """One response that is in no pair: `data/rejects/pairs/<iteration>.parquet`.

    Its own fault stands first (`empty`, `truncated`), then what kept its prompt from a pair; of a prompt that made one,
    the others lie `in_between`.
    """

    prompt_id = dy.String(primary_key=True)
    sample = dy.UInt8(primary_key=True)  # type: ignore[assignment]  # as in Generations
    iteration = dy.UInt8()
    rule = dy.Enum(
        [
            "empty",
            "truncated",
            "too_few_usable",
            "tie",
            "same_response",
            "small_margin",
            "too_long_to_train",
            "in_between",
        ]
    )


class Instructions(dy.Schema):
    """One SFT conversation: `data/instructions/train.parquet`."""

    conversation_id = dy.String(primary_key=True)
    source = dy.String()
    row = dy.UInt32()
    messages = _messages()


class PromptPool(dy.Schema):
    """One prompt as ingested, before it is dealt to a shard: `data/prompt_pool.parquet`."""

    source = dy.String(primary_key=True)
    row = dy.UInt32(primary_key=True)
    prompt_id = dy.String()
    prompt = _messages()
    reference = dy.String(nullable=True, description="JSON: what a gold reward must know; null where no gold is known")


class Prompts(dy.Schema):
    """One prompt: `data/prompts/<iteration>.parquet`, `dev`, `test`, and `unused` for those beyond a shard's size."""

    prompt_id = dy.String(primary_key=True)
    source = dy.String()
    row = dy.UInt32()
    prompt = _messages()
    prompt_tokens = dy.UInt32(nullable=True, description="of the contents, without the chat template; null: imported")
    reference = dy.String(nullable=True)


class Generations(dy.Schema):
    """One response: `data/generations/<iteration>/*.parquet`."""

    prompt_id = dy.String(primary_key=True)
    sample = dy.UInt8(primary_key=True)  # type: ignore[assignment]  # hides dataframely's generator of test rows
    iteration = dy.UInt8(description="the paper's t")
    response = dy.String()
    response_chars = dy.UInt32()
    response_tokens = dy.UInt32(nullable=True, description="null: imported, and not known")
    finish_reason = dy.Enum(["stop", "length"])
    temperature = dy.Float32(nullable=True, description="null: imported")
    seed = dy.Int64(nullable=True, description="of this very row; null: imported")
    job = dy.String(description="fingerprint of what decided the response")

    @dy.rule()
    def response_chars_measure_response(cls) -> pl.Expr:
        return pl.col("response_chars") == pl.col("response").str.len_chars()


class Rewards(dy.Schema):
    """One response's reward: `data/rewards/<iteration>.parquet`; by judge `data/scores/<iteration>/<judge>.parquet`."""

    prompt_id = dy.String(primary_key=True)
    sample = dy.UInt8(primary_key=True)  # type: ignore[assignment]  # hides dataframely's generator of test rows
    iteration = dy.UInt8()
    judge = dy.String(description="who gave it: `reward`, `preference`, or an ensemble, as `mean(preference, reward)`")
    response_id = dy.String(description="content hash of the response that was scored")
    reward = dy.Float32(description="of the judge, before any length penalty")
    job = dy.String(description="fingerprint of the judge and what else decided the reward")

    @dy.rule()
    def reward_is_finite(cls) -> pl.Expr:
        return pl.col("reward").is_finite()


class Pairs(dy.Schema):
    """One DPO pair: `data/pairs/<iteration>.parquet`."""

    prompt_id = dy.String(primary_key=True)
    iteration = dy.UInt8()
    prompt = _messages()
    chosen = dy.String()
    rejected = dy.String()
    chosen_sample = dy.UInt8()
    rejected_sample = dy.UInt8()
    chosen_reward = dy.Float32(description="before the length penalty")
    rejected_reward = dy.Float32()
    margin = dy.Float32(min=0, description="of the quantity that ranked them: reward − length_penalty × response_chars")

    @dy.rule()
    def responses_differ(cls) -> pl.Expr:
        return pl.col("chosen") != pl.col("rejected")


class History(dy.Schema):
    """One pair of the iterations so far, with its reference log-probabilities: `data/history/<iteration>/*.parquet`."""

    iteration = dy.UInt8(primary_key=True, description="0 for the offline pairs")
    prompt_id = dy.String(primary_key=True)
    prompt = _messages()
    chosen = dy.String()
    rejected = dy.String()
    chosen_sample = dy.UInt8(nullable=True, description="null for the offline pairs, as the rewards are")
    rejected_sample = dy.UInt8(nullable=True)
    chosen_reward = dy.Float32(nullable=True)
    rejected_reward = dy.Float32(nullable=True)
    margin = dy.Float32(nullable=True)
    ref_chosen_logps = dy.Float32(max=0, description="nats, summed over the response's tokens")
    ref_rejected_logps = dy.Float32(max=0)
    job = dy.String(description="fingerprint of the reference and what else decided the log-probabilities")


LOGPS = ("ref_chosen_logps", "ref_rejected_logps")  # of the history; TRL reads them by these names


class Evaluations(dy.Schema):
    """One held-out prompt answered by one policy: `data/evaluations/<iteration>.parquet`."""

    prompt_id = dy.String(primary_key=True)
    split = dy.Enum(["dev", "test"])
    response = dy.String()
    response_chars = dy.UInt32()
    response_tokens = dy.UInt32()
    finish_reason = dy.Enum(["stop", "length"])
    reward = dy.Float32()
    gold_reward = dy.Float32(nullable=True, description="null where no gold is known")
    temperature = dy.Float32()
    seed = dy.Int64()
    job = dy.String(description="as in generations")


class RecordedScores(dy.Schema):
    """A score that somebody's judge gave: `data/models/<judge>/scores.parquet`."""

    prompt_id = dy.String(primary_key=True)
    first_id = dy.String(primary_key=True, description="hash of the response's normal form")
    second_id = dy.String(
        primary_key=True, description="of the other response, where two were scored together; else empty"
    )
    first_score = dy.Float64()
    second_score = dy.Float64(description="0 where one response was scored alone")


class SecondOpinions(dy.Schema):
    """One `test` prompt's answers, the policy's against π₀'s: `data/second_opinions/<policy>.parquet`."""

    prompt_id = dy.String(primary_key=True)
    judge = dy.String(description="that no policy was trained on")
    answers_id = dy.String(description="content hash of both answers")
    shown_first = dy.Float64(
        nullable=True, min=0, max=1, description="P(the policy's is better); null: not asked, or no verdict"
    )
    shown_second = dy.Float64(nullable=True, min=0, max=1, description="shown second; null: not asked, or no verdict")
    preference = dy.Float64(
        nullable=True, min=0, max=1, description="the mean of both; 0.5 where both are the same text, unasked"
    )
    job = dy.String(description="fingerprint of the judge")


class LogProbabilities(dy.Schema):
    """One `test` response of a policy, with its log-probability under it and π₀: `data/logprobs/<policy>.parquet`."""

    prompt_id = dy.String(primary_key=True)
    split = dy.Enum(["dev", "test"])
    response_id = dy.String(description="content hash of the response and of how it ended")
    policy_logps = dy.Float32(max=0, description="nats at temperature 1, summed over the tokens that the policy drew")
    ref_logps = dy.Float32(max=0, description="π₀'s, of the same tokens")
    job = dy.String(description="fingerprint of both models and what else decided the log-probabilities")


class RewardTests(dy.Schema):
    """One comparison that judges are tested on: `data/reward_tests/pairs.parquet`."""

    test = dy.String(primary_key=True, description="`held_out` for the mix's own test pairs; else its name in params")
    pair_id = dy.String(primary_key=True)
    category = dy.String(description="RewardBench's, or the test's name where it has none")
    subset = dy.String(description="RewardBench's, or the source")
    prompt = _messages()
    chosen = dy.String(min_length=1)
    rejected = dy.String(min_length=1)


class Verdicts(dy.Schema):
    """One judge's verdict on one comparison: `data/reward_tests/<judge>.parquet`."""

    judge = dy.String(primary_key=True)
    test = dy.String(primary_key=True)
    pair_id = dy.String(primary_key=True)
    chosen_first = dy.Float64(
        nullable=True, min=0, max=1, description="P(chosen is better), shown first; null: no verdict"
    )
    chosen_second = dy.Float64(nullable=True, min=0, max=1, description="shown second; null: not asked, or no verdict")
    preference = dy.Float64(nullable=True, min=0, max=1, description="P(chosen is better): the mean of both orders")
    job = dy.String(description="fingerprint of the judge")
