"""Sections of one iteration: `offline_history`, `generate`, `pair`, `history`, `evaluate`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from rlhf_data.params.fields import Count, Name, Positive, Rate, section


@section
class OfflineHistoryParams:
    """Hybrid learning: pairs that the history starts with (paper, section 3.2)."""

    pairs: Count  # of the mix that the history starts with (D_off); 0 for pure online learning


@section
class GenerateParams:
    """The engine that samples responses, and what it samples."""

    engine: Literal["transformers", "vllm", "openai"]
    # `openai`: URL of a server that speaks its API, as http://127.0.0.1:8000/v1; null for the others
    endpoint: str | None
    samples: Annotated[int, Field(ge=2, le=255)]  # K
    temperatures: Annotated[list[Rate], Field(min_length=1)]  # the samples take them in turn
    max_tokens: Positive  # of a response
    batch_size: Positive  # responses at once (transformers, openai; vLLM batches by itself)
    part_prompts: Positive  # prompts in one Parquet part; a crash loses the responses to as many at most
    precision: Literal["fp32", "bf16"]
    max_model_len: Positive
    tensor_parallel: Positive  # vLLM: GPUs that share one copy of the model
    data_parallel: Positive  # vLLM: copies of the model, each on GPUs of its own, or on its share of a CPU's cores
    gpu_memory_utilization: Annotated[float, Field(gt=0, le=1)]
    fresh: bool  # compute every row anew, whatever an earlier version or an interrupted run holds

    @model_validator(mode="after")
    def leaves_room_for_a_prompt(self) -> GenerateParams:
        if self.max_tokens >= self.max_model_len:
            raise ValueError(f"max_tokens {self.max_tokens} leaves no prompt in max_model_len {self.max_model_len}")
        return self

    @model_validator(mode="after")
    def has_an_endpoint_where_one_is_asked(self) -> GenerateParams:
        if (self.engine == "openai") != (self.endpoint is not None):
            raise ValueError("engine: openai needs an endpoint, the other engines take none (null)")
        return self


@section
class PairParams:
    """Which two responses to a prompt make a pair (paper, section 3.3 and eq. 9)."""

    length_penalty: Annotated[float, Field(ge=0)]  # λ, reward per character (paper, eq. 9)
    min_margin: Annotated[float, Field(ge=0)]  # of the penalised reward; closer ends make no pair
    drop_truncated: bool  # responses cut at the token limit join no pair


@section
class HistoryParams:
    """How the log-probabilities of the reference π₀ are computed."""

    batch_size: Positive  # pairs that one forward pass of the reference holds
    part_pairs: Positive  # pairs whose log-probabilities are kept at once; a crash loses as many at most
    fresh: bool  # as generate.fresh


@section
class AnnotateParams:
    """Whom `rlhf-data annotate` simulates: annotators who label pairs of π₀'s own answers to everyday requests."""

    source: Name  # of format labelled: its file is written
    requests: Positive
    samples: Annotated[int, Field(ge=2, le=255, multiple_of=2)]  # answers to each, which are compared two by two
    sharpness: Rate  # of the annotators, in logits per unit of gold reward


@section
class EvaluateParams:
    """How policies answer held-out prompts."""

    temperature: Rate
    fresh: bool  # as generate.fresh
