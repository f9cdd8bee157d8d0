"""What every table promises: its columns, its key and its rules, one class each.

One quantity has one name in every table; units are suffixes (`_chars`, `_tokens`); `<thing>_id` are keys.
Tables are checked at every read and write (`tables.py`).
"""

from __future__ import annotations

from typing import TypedDict

import dataframely as dy
import polars as pl


class Message(TypedDict):
    """One turn of a conversation; `role` is system, user or assistant."""

    role: str
    content: str


def _messages() -> dy.List:
    return dy.List(dy.Struct({"role": dy.String(), "content": dy.String()}), min_length=1)


class Preferences(dy.Schema):
    """One comparison: `data/preferences/<source>.parquet`, `data/mixes/<mix>/{train,test}.parquet`."""

    pair_id = dy.String(primary_key=True)
    source = dy.String()
    row = dy.UInt32()  # of the source's file, from 0: which record it came from
    prompt_id = dy.String()
    prompt = _messages()
    chosen = dy.String(min_length=1)  # the final turn alone
    rejected = dy.String(min_length=1)
    chosen_score = dy.Float64(nullable=True)  # as the source gives it
    rejected_score = dy.Float64(nullable=True)
    margin = dy.Float64(nullable=True)  # chosen_score − rejected_score
    annotator = dy.String()
    label_probability = dy.Float64(nullable=True, min=0, max=1)  # of this very label; known in the embedded world

    @dy.rule()
    def responses_differ(cls) -> pl.Expr:
        return pl.col("chosen") != pl.col("rejected")


class Rejects(dy.Schema):
    """One raw record that was dropped: `data/rejects/<step>.parquet`; of ingest, prompts or reward_tests."""

    source = dy.String(primary_key=True)
    row = dy.UInt32(primary_key=True)
    rule = dy.String()
    detail = dy.String()
    raw = dy.String()  # the record, as JSON text


class Extras(dy.Schema):
    """Fields of a record that its source names as `extra`: `data/extras.parquet`, beside the rows it gave."""

    source = dy.String(primary_key=True)
    row = dy.UInt32(primary_key=True)
    extra = dy.String()  # JSON: field → value, of those that are not null


class Counts(dy.Schema):
    """How many records of a source were read, and what they became: `data/counts.parquet`."""

    source = dy.String(primary_key=True)
    kind = dy.String()
    raw = dy.UInt32()  # records read
    kept = dy.UInt32()  # records that gave at least one row
    rows = dy.UInt32()  # rows they gave
    unread = dy.List(dy.Struct({"field": dy.String(), "records": dy.UInt32()}))  # that no format read; in kept records
    markup = dy.UInt32()  # kept records with special tokens of a chat template in a text


class Lengths(dy.Schema):
    """How many tokens a comparison has, without special tokens and chat template: `data/lengths/<source>.parquet`."""

    pair_id = dy.String(primary_key=True)
    prompt_tokens = dy.UInt32()
    chosen_tokens = dy.UInt32()
    rejected_tokens = dy.UInt32()


class MixRejects(dy.Schema):
    """One comparison that was dropped from a mix, or of it from the offline pairs: `data/rejects/{mixes,offline}`.

    Rejects count the records that ingest read, and these the comparisons that it gave: one record may give several,
    and several mixes may use one source. So each mix has its own account, `reports/mixes.csv`.
    """

    mix = dy.String(primary_key=True)
    pair_id = dy.String(primary_key=True)
    source = dy.String()
    row = dy.UInt32()
    rule = dy.String()
    detail = dy.String()  # which other row, which evaluation item, or what was measured
    raw = dy.String()  # the comparison, as JSON text


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
    reference = dy.String(nullable=True)  # JSON: what a gold reward must know; null where no gold is known


class Prompts(dy.Schema):
    """One prompt: `data/prompts/<iteration>.parquet`, `dev`, `test`, and `unused` for those beyond a shard's size."""

    prompt_id = dy.String(primary_key=True)
    source = dy.String()
    row = dy.UInt32()
    prompt = _messages()
    prompt_tokens = dy.UInt32(nullable=True)  # of the contents, without the chat template; null: imported
    reference = dy.String(nullable=True)


class Generations(dy.Schema):
    """One response: `data/generations/<iteration>/*.parquet`."""

    prompt_id = dy.String(primary_key=True)
    sample = dy.UInt8(primary_key=True)  # type: ignore[assignment]  # hides dataframely's generator of test rows
    iteration = dy.UInt8()  # the paper's t
    response = dy.String()
    response_chars = dy.UInt32()
    response_tokens = dy.UInt32(nullable=True)  # null: imported, and not known
    finish_reason = dy.Enum(["stop", "length"])
    temperature = dy.Float32(nullable=True)  # null: imported
    seed = dy.Int64(nullable=True)  # of this very row; null: imported
    job = dy.String()  # fingerprint of what decided the response

    @dy.rule()
    def response_chars_measure_response(cls) -> pl.Expr:
        return pl.col("response_chars") == pl.col("response").str.len_chars()


class Rewards(dy.Schema):
    """One response's reward: `data/rewards/<iteration>.parquet`; by judge `data/scores/<iteration>/<judge>.parquet`."""

    prompt_id = dy.String(primary_key=True)
    sample = dy.UInt8(primary_key=True)  # type: ignore[assignment]  # hides dataframely's generator of test rows
    iteration = dy.UInt8()
    judge = dy.String()  # who gave it: `reward`, `preference`, or an ensemble, as `mean(preference, reward)`
    response_id = dy.String()  # content hash of the response that was scored
    reward = dy.Float32()  # of the judge, before any length penalty
    job = dy.String()  # fingerprint of the judge and what else decided the reward

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
    chosen_reward = dy.Float32()  # before the length penalty
    rejected_reward = dy.Float32()
    margin = dy.Float32(min=0)  # of the quantity that ranked them: reward − length_penalty × response_chars

    @dy.rule()
    def responses_differ(cls) -> pl.Expr:
        return pl.col("chosen") != pl.col("rejected")


class History(dy.Schema):
    """One pair of the iterations so far, with its reference log-probabilities: `data/history/<iteration>/*.parquet`."""

    iteration = dy.UInt8(primary_key=True)  # 0 for the offline pairs
    prompt_id = dy.String(primary_key=True)
    prompt = _messages()
    chosen = dy.String()
    rejected = dy.String()
    chosen_sample = dy.UInt8(nullable=True)  # null for the offline pairs, as the rewards are
    rejected_sample = dy.UInt8(nullable=True)
    chosen_reward = dy.Float32(nullable=True)
    rejected_reward = dy.Float32(nullable=True)
    margin = dy.Float32(nullable=True)
    ref_chosen_logps = dy.Float32(max=0)  # nats, summed over the response's tokens
    ref_rejected_logps = dy.Float32(max=0)
    job = dy.String()  # fingerprint of the reference and what else decided the log-probabilities


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
    gold_reward = dy.Float32(nullable=True)  # null where no gold is known
    temperature = dy.Float32()
    seed = dy.Int64()
    job = dy.String()  # as in generations


class RecordedScores(dy.Schema):
    """A score that somebody's judge gave: `data/models/<judge>/scores.parquet`."""

    prompt_id = dy.String(primary_key=True)
    first_id = dy.String(primary_key=True)  # hash of the response's normal form
    second_id = dy.String(primary_key=True)  # of the other response, where two were scored together; else empty
    first_score = dy.Float64()
    second_score = dy.Float64()  # 0 where one response was scored alone


class SecondOpinions(dy.Schema):
    """One `test` prompt's answers, the policy's against π₀'s: `data/second_opinions/<policy>.parquet`."""

    prompt_id = dy.String(primary_key=True)
    judge = dy.String()  # that no policy was trained on
    answers_id = dy.String()  # content hash of both answers
    shown_first = dy.Float64(nullable=True, min=0, max=1)  # P(the policy's is better); null: not asked, or no verdict
    shown_second = dy.Float64(nullable=True, min=0, max=1)  # shown second; null: not asked, or no verdict
    preference = dy.Float64(nullable=True, min=0, max=1)  # the mean of both; 0.5 where both are the same text, unasked
    job = dy.String()  # fingerprint of the judge


class LogProbabilities(dy.Schema):
    """One `test` response of a policy, with its log-probability under it and π₀: `data/logprobs/<policy>.parquet`."""

    prompt_id = dy.String(primary_key=True)
    split = dy.Enum(["dev", "test"])
    response_id = dy.String()  # content hash of the response and of how it ended
    policy_logps = dy.Float32(max=0)  # nats at temperature 1, summed over the tokens that the policy drew
    ref_logps = dy.Float32(max=0)  # π₀'s, of the same tokens
    job = dy.String()  # fingerprint of both models and what else decided the log-probabilities


class RewardTests(dy.Schema):
    """One comparison that judges are tested on: `data/reward_tests/pairs.parquet`."""

    test = dy.String(primary_key=True)  # `held_out` for the mix's own test pairs; else its name in params
    pair_id = dy.String(primary_key=True)
    category = dy.String()  # RewardBench's, or the test's name where it has none
    subset = dy.String()  # RewardBench's, or the source
    prompt = _messages()
    chosen = dy.String(min_length=1)
    rejected = dy.String(min_length=1)


class Verdicts(dy.Schema):
    """One judge's verdict on one comparison: `data/reward_tests/<judge>.parquet`."""

    judge = dy.String(primary_key=True)
    test = dy.String(primary_key=True)
    pair_id = dy.String(primary_key=True)
    chosen_first = dy.Float64(nullable=True, min=0, max=1)  # P(chosen is better), shown first; null: no verdict
    chosen_second = dy.Float64(nullable=True, min=0, max=1)  # shown second; null: not asked, or no verdict
    preference = dy.Float64(nullable=True, min=0, max=1)  # P(chosen is better): the mean of both orders
    job = dy.String()  # fingerprint of the judge
