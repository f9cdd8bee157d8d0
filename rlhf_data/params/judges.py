"""Sections of who judges, and how judges are tested: `judges`, `score`, `combine_rewards`, `benchmark_pairs`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from rlhf_data.params.fields import Count, Name, Positive, section
from rlhf_data.params.sources import Recorded

# of a tournament's rewards: mean probabilities, or up to 3 rounds of 8 responses won or lost
SCALES = {"round_robin": 1.0, "knock_out": 6.0}


@section
class RewardJudge:
    """A Bradley–Terry reward model: P(first) = σ(reward of first − reward of second). Read as `score` says."""

    kind: Literal["reward"]
    # another's sequence-classification model with one output: a folder or a hub id; null: what train_reward makes
    model: str | None = None
    revision: str | None = None  # of the hub id

    @property
    def scale(self) -> float | None:
        """How far apart two rewards can lie; None where nothing bounds them, as a model's raw output."""
        return None


@section
class RecordedJudge:
    """Scores that somebody's judge gave: of a file, one per response, or two per pair of responses."""

    kind: Literal["recorded"]
    path: str  # the file, from the project's folder; its records' fields are named below, with dots into objects
    sha256: str | None = None  # the file's pin
    prompt: str
    response: str | None = None
    score: str | None = None
    first: str | None = None
    second: str | None = None
    first_score: str | None = None
    second_score: str | None = None

    @property
    def scale(self) -> float | None:
        """As `RewardJudge.scale`: no file says it."""
        return None

    @model_validator(mode="after")
    def names_scores_of_one_or_of_two(self) -> RecordedJudge:
        one, two = (self.response, self.score), (self.first, self.second, self.first_score, self.second_score)
        if not (all(one) and not any(two)) and not (all(two) and not any(one)):
            raise ValueError("give response and score, or first, second, first_score and second_score")
        return self


@section
class PairwiseJudge:
    """A pairwise preference model: P(A) against P(B) at the last token."""

    kind: Literal["pairwise"]
    orders: Literal["both", "one"]  # both: the mean over both orders (released code); one: as shown (paper)
    ranking: Literal["knock_out", "round_robin"]  # of K responses: 2K or K² comparisons about
    max_length: Positive  # tokens of the whole instruction
    batch_tokens: Positive  # that one forward pass holds
    precision: Literal["fp32", "bf16"]

    @property
    def scale(self) -> float | None:
        """As `RewardJudge.scale`: of probabilities, or of rounds won and lost."""
        return SCALES[self.ranking]


@section
class LlmJudge:
    """An LLM judge: a chat model that is asked which response is better, without training (paper, section 2.1)."""

    kind: Literal["prompted"]
    engine: Literal["transformers", "openai"]
    model: str  # `iter0` is π₀; else a folder or a hub id; `openai`: the name that the server knows it by
    revision: str | None  # of the hub id
    # `openai`: its URL, as http://127.0.0.1:8000/v1, without a user or a query; the key is in OPENAI_API_KEY
    endpoint: Annotated[str, Field(pattern=r"^https?://[^@?#\s]+$")] | None
    verdict: Literal["logits", "text"]  # P(A) against P(B) at the first token, or what it writes, parsed
    orders: Literal["both", "one"]
    ranking: Literal["knock_out", "round_robin"]
    max_tokens: Positive  # of a written verdict
    max_length: Positive  # tokens of the whole prompt
    batch_size: Positive  # prompts at once, or requests under way
    precision: Literal["fp32", "bf16"]
    # `openai`: a model that thinks before it writes takes max_completion_tokens, thoughts included, and no temperature
    reasoning: bool = False

    @model_validator(mode="after")
    def asks_a_server_only_where_one_is_named(self) -> LlmJudge:
        if (self.engine == "openai") != (self.endpoint is not None):
            raise ValueError("engine: openai needs an endpoint, and no other engine takes one")
        if self.reasoning and (self.engine != "openai" or self.verdict != "text"):
            raise ValueError("reasoning goes with engine: openai and verdict: text, as thoughts come first")
        return self

    @property
    def scale(self) -> float | None:
        """As `RewardJudge.scale`: of probabilities, or of rounds won and lost."""
        return SCALES[self.ranking]


Judge = RewardJudge | RecordedJudge | PairwiseJudge | LlmJudge


@section
class ScoreParams:
    """How a reward model is run."""

    engine: Literal["transformers", "vllm"]
    batch_tokens: Positive  # tokens, padding included, that one forward pass holds
    part_prompts: Positive  # prompts whose rewards are kept at once; a crash loses as many at most
    precision: Literal["fp32", "bf16"]
    tensor_parallel: Positive  # vLLM
    gpu_memory_utilization: Annotated[float, Field(gt=0, le=1)]  # vLLM
    fresh: bool  # as generate.fresh


@section
class CombineRewardsParams:
    """Whose rewards rank the responses that pairs are made of."""

    judges: Annotated[list[Name], Field(min_length=1)]  # of params.yaml's `scored_by`
    ensemble: Literal["mean", "min", "rank_vote"] | None  # of several; null for one

    @model_validator(mode="after")
    def joins_several_alone(self) -> CombineRewardsParams:
        if (len(set(self.judges)) > 1) != (self.ensemble is not None) or len(set(self.judges)) < len(self.judges):
            raise ValueError("ensemble says how several different judges count, and is null for one")
        return self

    @property
    def name(self) -> str:
        """As the rewards name who gave them."""
        return f"{self.ensemble}({', '.join(self.judges)})" if self.ensemble else self.judges[0]


@section
class BenchmarkPairsParams:
    """Comparisons that judges are tested on, beside the mix's own test side."""

    root: str  # folder that the sets' paths start from, itself relative to the project
    max_chars: Positive  # of the texts of a row: longer ones are rejected
    # by test, the sources of preferences that it is made of, by subset; RewardBench's records name their own subset
    sets: dict[Name, dict[Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")],
                          Annotated[Recorded, Field(discriminator="format")]]]  # fmt: skip
    held_out_pairs: Count  # of the mix's test side, at most: the test `held_out`
    part_pairs: Positive  # pairs whose verdicts are kept at once; a crash loses as many at most
    ties: Literal["half", "wrong"]  # what a tie, or no verdict, counts: 0.5, or nothing (RewardBench's own code)
    fresh: bool  # as generate.fresh

    def sources(self) -> Iterator[tuple[str, str, Recorded]]:
        """Test, subset and source of each."""
        return ((test, subset, source) for test, parts in self.sets.items() for subset, source in parts.items())

    @model_validator(mode="after")
    def compares(self) -> BenchmarkPairsParams:
        if "held_out" in self.sets:
            raise ValueError("sets: held_out is the mix's own test side; name the test otherwise")
        for test, subset, source in self.sources():
            if source.kind != "preferences":
                raise ValueError(f"sets.{test}.{subset}: a test is made of preferences, not of {source.kind}")
        return self
