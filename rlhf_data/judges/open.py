"""The judge that a section of `judges` describes, whatever its kind: reward model, pairwise model or LLM judge."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal, Protocol

import polars as pl

from rlhf_data.inference.protocols import Judge, ResponsePair, Scorer
from rlhf_data.judges import llm_judge, pairwise_model, recorded, reward_model, tournaments
from rlhf_data.loop import responses
from rlhf_data.params import judges as params
from rlhf_data.schemas import Message
from rlhf_data.storage import fingerprints


class OpenJudge(Judge, Protocol):
    """A judge of the params; its model is loaded when it is first asked."""

    fingerprint: str  # of what decides a verdict, beside the comparison
    orders: Literal["both", "one"]  # in which a comparison is shown

    def wanted(self, generations: pl.DataFrame, *, judge: str) -> pl.DataFrame:
        """One row per response, with the columns that decide its reward; `judge` is this judge's name."""

    def rewards(self, wanted: pl.DataFrame, prompts: pl.DataFrame, *, part_prompts: int) -> Iterator[pl.DataFrame]:
        """`wanted` rows with their `reward`, all responses to `part_prompts` prompts at a time."""


def open_judge(model: Path, judge: params.Judge, *, score: params.ScoreParams, max_length: int) -> OpenJudge:
    """The judge that a section describes, with its model; `score` and `max_length` are those of a reward model."""
    if isinstance(judge, params.RewardJudge):
        return RewardModel(model, score, max_length=max_length)
    if isinstance(judge, params.RecordedJudge):
        return Recorded(model)
    return Comparing(model, judge)


class RewardModel:
    """Bradley–Terry: P(first is better) = σ(r(first) − r(second)), r the reward (paper, section 2.1)."""

    orders: Literal["both", "one"] = "one"  # rewards do not depend on the order

    def __init__(self, model: Path, score: params.ScoreParams, *, max_length: int) -> None:
        self._model, self._score, self._max_length = model, score, max_length
        self.fingerprint = fingerprints.scoring(model, score, max_length=max_length)

    @cached_property
    def _scorer(self) -> Scorer:
        return reward_model.open_scorer(self._model, self._score, max_length=self._max_length)

    def prefer(self, comparisons: Sequence[ResponsePair]) -> list[float]:
        """As `Judge.prefer`; the same in either order."""
        conversations = [
            _conversation(one.prompt, response) for one in comparisons for response in (one.first, one.second)
        ]
        rewards = self._scorer.score(conversations)
        return [_sigmoid(first - second) for first, second in zip(rewards[::2], rewards[1::2], strict=True)]

    def wanted(self, generations: pl.DataFrame, *, judge: str) -> pl.DataFrame:
        """As `OpenJudge.wanted`: a reward depends on the prompt and the response alone."""
        return responses.to_judge(generations, judge=judge, job=self.fingerprint)

    def rewards(self, wanted: pl.DataFrame, prompts: pl.DataFrame, *, part_prompts: int) -> Iterator[pl.DataFrame]:
        """As `OpenJudge.rewards`; raises `EngineError` where one is NaN or infinite."""
        return responses.judge(self._scorer, wanted, prompts, part_prompts=part_prompts)


class Recorded:
    """Scores that somebody's judge gave."""

    orders: Literal["both", "one"] = "one"  # a score does not depend on the order

    def __init__(self, model: Path) -> None:
        self._scorer = recorded.RecordedScorer(model)
        self.fingerprint = fingerprints.job(model)

    def prefer(self, comparisons: Sequence[ResponsePair]) -> list[float]:
        """As `Judge.prefer`."""
        return self._scorer.prefer(comparisons)

    def wanted(self, generations: pl.DataFrame, *, judge: str) -> pl.DataFrame:
        """As `OpenJudge.wanted`: a score is of the prompt and the response alone."""
        return responses.to_judge(generations, judge=judge, job=self.fingerprint)

    def rewards(self, wanted: pl.DataFrame, prompts: pl.DataFrame, *, part_prompts: int) -> Iterator[pl.DataFrame]:
        """As `OpenJudge.rewards`; raises `EngineError` where a response has no score."""
        return responses.judge(self._scorer, wanted, prompts, part_prompts=part_prompts)


class Comparing:
    """A judge that compares two responses; rewards are what a tournament of all responses to a prompt gives."""

    def __init__(self, model: Path, judge: params.PairwiseJudge | params.LlmJudge) -> None:
        self._model, self._params = model, judge
        self.fingerprint, self.orders = fingerprints.judging(model, judge), judge.orders

    @cached_property
    def _judge(self) -> Judge:
        if isinstance(self._params, params.PairwiseJudge):
            return pairwise_model.PairwiseModel(self._model, self._params)
        return llm_judge.open_llm_judge(self._params, self._model)

    def prefer(self, comparisons: Sequence[ResponsePair]) -> list[float]:
        """As `Judge.prefer`."""
        return self._judge.prefer(comparisons)

    def wanted(self, generations: pl.DataFrame, *, judge: str) -> pl.DataFrame:
        """As `OpenJudge.wanted`: a reward also depends on the other responses to the prompt, and on the ranking."""
        return tournaments.to_play(generations, judge=judge, job=self.fingerprint, ranking=self._params.ranking)

    def rewards(self, wanted: pl.DataFrame, prompts: pl.DataFrame, *, part_prompts: int) -> Iterator[pl.DataFrame]:
        """As `OpenJudge.rewards`."""
        ranking = self._params.ranking
        return tournaments.played(self, wanted, prompts, ranking=ranking, orders=self.orders, part_prompts=part_prompts)


def _conversation(prompt: list[Message], response: str) -> list[Message]:
    return [*prompt, {"role": "assistant", "content": response}]


def _sigmoid(x: float) -> float:
    return 0.5 * (1 + math.tanh(x / 2))  # overflows nowhere
