"""What every section of params may say: its keys, their types and ranges. Unknown keys are refused.

Sections bear the names of the stages that read them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, get_args

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

if TYPE_CHECKING:  # type checkers know a dataclass by its decorator's own name
    from dataclasses import dataclass as section
else:
    section = dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))

Share = Annotated[float, Field(ge=0, lt=1)]
Rate = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Kind = Literal["preferences", "instructions", "prompts"]


@section
class WorldSource:
    """Records drawn from the embedded world."""

    format: Literal["world"]
    kind: Kind
    rows: Positive


@section
class FileSource:
    """Records read from a file; `path` is taken from `ingest.root`."""

    format: Literal[
        "hh_rlhf",
        "scored_texts",
        "pandalm",
        "sharegpt_pairs",
        "messages",
        "instruction_response",
        "prompt_completion",
        "self_instruct",
        "question_answer",
        "single_prompt",
        "context_messages",
    ]
    kind: Kind
    path: str
    sha256: str | None = None  # the pin: another content is refused; a new pin reruns ingest


@section
class IngestParams:
    root: str  # folder that the sources' paths start from, itself relative to the project
    max_chars: Positive  # of a whole record: longer ones are rejected
    sources: dict[
        Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")],
        Annotated[WorldSource | FileSource, Field(discriminator="format")],
    ]

    @model_validator(mode="after")
    def has_every_kind(self) -> IngestParams:
        """The loop needs pairs for the reward model, conversations for π₀, and prompts."""
        if missing := set(get_args(Kind)) - {source.kind for source in self.sources.values()}:
            raise ValueError(f"no source of kind {', '.join(sorted(missing))}")
        return self


@section
class MixParams:
    max_pairs: Positive | None  # to train on, drawn by hash; null takes all
    max_test_pairs: Positive | None


@section
class TokenizerParams:
    """Either a new byte-level BPE (`vocab_size`), or the tokenizer of `hub`."""

    hub: str | None
    revision: str | None
    vocab_size: Annotated[int, Field(ge=300)] | None

    @model_validator(mode="after")
    def is_one_of_two(self) -> TokenizerParams:
        if (self.hub is None) == (self.vocab_size is None):
            raise ValueError("give either hub or vocab_size, and null for the other")
        return self


@section
class LlamaSize:
    """A Llama to be trained from scratch; embeddings are tied."""

    hidden_size: Positive
    intermediate_size: Positive
    layers: Positive
    heads: Positive
    context: Positive  # tokens


@section
class Training:
    """What every trainer needs."""

    learning_rate: Rate
    epochs: Positive
    batch_size: Positive  # global: rows (SFT: packed blocks) a step, over all devices
    micro_batch_size: Positive  # rows that a device holds at once; the rest is accumulated
    warmup_ratio: Share
    lr_scheduler: Literal["cosine", "linear", "constant_with_warmup"]
    weight_decay: Annotated[float, Field(ge=0)]
    adam_beta2: Share
    max_length: Positive  # tokens
    precision: Literal["fp32", "bf16"]
    gradient_checkpointing: bool
    attention: Literal["sdpa", "eager", "flash_attention_2"]
    logging_steps: Positive
    save_steps: Positive  # between checkpoints, which an interrupted training goes on from

    @model_validator(mode="after")
    def accumulates_whole_batches(self) -> Training:
        if self.batch_size % self.micro_batch_size:
            raise ValueError(f"batch_size {self.batch_size} is no multiple of micro_batch_size {self.micro_batch_size}")
        return self


@section
class SftParams(Training):
    base: LlamaSize | str  # a new model, or a hub id or folder
    revision: str | None
    packing: Literal["bfd", "bfd_split", "wrapped"] | None  # as TRL names them; null pads instead
    assistant_only_loss: bool
    group_by_length: bool  # batches of like length, where nothing is packed


@section
class RewardParams(Training):
    base: str  # `iter0` starts from π₀; else a hub id or folder
    revision: str | None


@section
class PromptsParams:
    max_tokens: Positive  # of the contents; longer prompts are rejected
    shards: Positive  # that the prompts not held out are dealt to, by content hash; a new number moves prompts
    per_iteration: Positive  # at most, as dev and test
    dev: Positive
    test: Positive


@section
class OfflineParams:
    pairs: Count  # of the mix that the history starts with (D_off); 0 for pure online learning


@section
class GenerateParams:
    engine: Literal["transformers", "vllm", "openai"]
    endpoint: (
        str | None
    )  # `openai`: URL of a server that speaks its API, as http://127.0.0.1:8000/v1; null for the others
    samples: Annotated[int, Field(ge=2, le=255)]  # K
    temperatures: Annotated[list[Rate], Field(min_length=1)]  # the samples take them in turn
    max_tokens: Positive  # of a response
    batch_size: Positive  # responses at once (transformers, openai; vLLM batches by itself)
    part_prompts: Positive  # prompts in one Parquet part; a crash loses the responses to as many at most
    precision: Literal["fp32", "bf16"]
    max_model_len: Positive
    tensor_parallel: Positive  # vLLM: GPUs that share one copy of the model
    data_parallel: Positive  # vLLM: copies of the model
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
class ScoreParams:
    engine: Literal["transformers", "vllm"]
    batch_tokens: Positive  # tokens, padding included, that one forward pass holds
    part_prompts: Positive  # prompts whose rewards are kept at once; a crash loses as many at most
    precision: Literal["fp32", "bf16"]
    tensor_parallel: Positive  # vLLM
    gpu_memory_utilization: Annotated[float, Field(gt=0, le=1)]  # vLLM
    fresh: bool  # as generate.fresh


@section
class PairParams:
    length_penalty: Annotated[float, Field(ge=0)]  # λ, reward per character (paper, eq. 9)
    min_margin: Annotated[float, Field(ge=0)]  # of the penalised reward; closer ends make no pair
    drop_truncated: bool  # responses cut at the token limit join no pair


@section
class HistoryParams:
    batch_size: Positive  # pairs that one forward pass of the reference holds
    part_pairs: Positive  # pairs whose log-probabilities are kept at once; a crash loses as many at most
    fresh: bool  # as generate.fresh


@section
class PolicyParams(Training):
    beta: Rate  # the paper's η
    loss: Literal["sigmoid", "ipo", "robust", "hinge"]
    label_smoothing: Share  # `robust` only: TRL's sigmoid would ignore it
    init: Literal["previous", "iter0"]
    scope: Literal["cumulative", "current"]  # all pairs so far (paper, Algorithm 1), or this iteration's

    @model_validator(mode="after")
    def smooths_only_where_the_loss_does(self) -> PolicyParams:
        if self.label_smoothing and self.loss != "robust":
            raise ValueError(f"label_smoothing needs loss: robust; {self.loss} would ignore it")
        return self


@section
class EvaluateParams:
    temperature: Rate
    fresh: bool  # as generate.fresh


@section
class ReportParams:
    select_by: Literal["gold_reward", "reward"]  # what the dev shard chooses the best policy by
    resamples: Positive  # of the bootstrap
    examples: Positive  # prompts shown on the page


@section
class Params:
    """One profile."""

    seed: Count
    held_out: Share  # of all prompts, by content hash, that no model is trained on
    ingest: IngestParams
    mix: MixParams
    tokenizer: TokenizerParams
    train_sft: SftParams
    train_reward: RewardParams
    prompts: PromptsParams
    offline: OfflineParams
    generate: GenerateParams
    score: ScoreParams
    pair: PairParams
    history: HistoryParams
    train_policy: PolicyParams
    evaluate: EvaluateParams
    report: ReportParams


@section
class Iteration:
    prev: Annotated[str, Field(pattern=r"^iter\d+$")]


@section
class Project:
    """params.yaml: which profile, and how many iterations."""

    profile: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")]
    iterations: dict[Annotated[str, Field(pattern=r"^iter[1-9]\d*$")], Iteration]
    policies: list[str]
