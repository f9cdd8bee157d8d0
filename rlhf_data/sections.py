"""What every section of params may say: its keys, their types and ranges. Unknown keys are refused.

Sections bear the names of the stages that read them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, TypeVar, dataclass_transform, get_args

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

T = TypeVar("T")

if TYPE_CHECKING:  # type checkers know a dataclass by its decorator's own name, or by this

    @dataclass_transform(kw_only_default=True, frozen_default=True)
    def section(kind: type[T]) -> type[T]: ...

else:
    section = dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))

Share = Annotated[float, Field(ge=0, lt=1)]
Rate = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Kind = Literal["preferences", "instructions", "prompts"]


@section
class WorldSource:
    """Records drawn from the embedded world."""

    format: Literal["world"]
    kind: Kind
    rows: Positive


@section
class RecordSource:
    """Records read from files below `ingest.root`, or from the Hugging Face hub."""

    kind: Kind
    path: str | None = None  # a file, or a pattern with * for several that are read in the order of their names
    sha256: str | None = None  # the file's pin: another content is refused; a new pin reruns ingest
    hub: str | None = None  # a data set's id, or a folder laid out like one
    revision: str | None = None  # of the hub's repository: a commit pins it, null takes what is there
    config: str | None = None  # the data set's configuration, where it has several
    files: list[str] | None = None  # patterns of the repository's files, where not all are wanted
    split: str | None = None
    max_pairs_per_prompt: Positive | None = None  # of the preferences; those beyond it are rejected
    pick: Literal["sampled", "first"] = "sampled"  # which of them stay: by hash, or in the order of the file

    @model_validator(mode="after")
    def has_one_origin(self) -> RecordSource:
        if (self.path is None) == (self.hub is None):
            raise ValueError("give either path or hub")
        if self.hub is None and (self.revision or self.config or self.files or self.split):
            raise ValueError("revision, config, files and split go with hub; path would ignore them")
        if self.hub is not None and (self.sha256 or self.split is None):
            raise ValueError("hub needs a split, and is pinned by its revision, not by a sha256")
        return self

    @model_validator(mode="after")
    def caps_preferences_alone(self) -> RecordSource:
        if self.kind != "preferences" and self.max_pairs_per_prompt is not None:
            raise ValueError(f"max_pairs_per_prompt goes with preferences; {self.kind} would ignore it")
        if self.pick == "first" and self.max_pairs_per_prompt is None:
            raise ValueError("pick goes with max_pairs_per_prompt")
        return self


@section
class FileSource(RecordSource):
    """A layout that leaves nothing open."""

    format: Literal[
        "hh_rlhf",
        "standard",
        "scored_texts",
        "pandalm",
        "sharegpt_pairs",
        "alpaca_eval",
        "messages",
        "openhermes",
        "conversations",
        "sharegpt",
        "evol_instruct",
        "slim_orca",
        "instruction_response",
        "math_instruct",
        "magicoder",
        "gpt4_llm",
        "gpteacher",
        "ultrainteract_sft",
        "prompt_completion",
        "self_instruct",
        "question_answer",
        "orca_math",
        "single_prompt",
        "dibt",
        "context_messages",
    ]


@section
class ShpSource(RecordSource):
    format: Literal["shp"]
    min_ratio: Annotated[float, Field(ge=1)]  # of the two comments' scores
    ratio: Literal["above", "at_least"] = "above"


@section
class HelpSteerSource(RecordSource):
    format: Literal["helpsteer"]
    score: Literal["helpfulness_correctness", "helpfulness", "all"] = "helpfulness_correctness"


@section
class PkuSource(RecordSource):
    format: Literal["pku_safe_rlhf"]
    label: Literal["safer", "better", "consistent"] = "safer"
    safety: Literal["any", "some_safe", "differing"] = "any"
    drop_wrong_labels: bool = False  # an unsafe response called safer than a safe one


@section
class UltraFeedbackSource(RecordSource):
    format: Literal["ultrafeedback"]
    score: Literal["fine_grained", "ratings", "overall"] = "fine_grained"
    drop_truthfulqa: bool = False  # a benchmark's questions, of which the set holds 811
    compat: bool = False  # the released script's reading


@section
class UltraInteractSource(RecordSource):
    format: Literal["ultrainteract"]
    tasks: list[Literal["Coding", "Math_CoT", "Math_PoT", "Logic"]] | None = None  # null takes all
    drop_same_answer: bool = False


@section
class CodeUltraFeedbackSource(RecordSource):
    format: Literal["code_ultrafeedback"]
    compat: bool = False  # the released script's reading: ratings compared as text


@section
class RatedPairsSource(RecordSource):
    format: Literal["argilla_math", "capybara"]
    drop_ties: bool = False


@section
class OrcaSource(RecordSource):
    format: Literal["distilabel_orca"]
    system: Literal["prepend", "message", "drop"] = "prepend"
    drop_gsm8k: bool = False  # prompts of a benchmark's training set
    min_chosen_score: float | None = None  # of 10


@section
class SummarizationSource(RecordSource):
    format: Literal["summarize_from_feedback"]
    prompt: Literal["instructed", "raw"] = "instructed"
    splits: list[Literal["train", "valid1", "valid2"]] | None = None  # of the records' own field; null takes all


@section
class NectarSource(RecordSource):
    format: Literal["nectar"]
    pairing: Literal["best_worst", "best_random", "top4_random", "all"] = "best_worst"


@section
class RewardBenchSource(RecordSource):
    format: Literal["reward_bench"]
    subsets: list[str] | None = None  # null takes all


@section
class CustomSource(RecordSource):
    """Anyone's own records: which field holds what; dots lead into objects and lists."""

    format: Literal["custom"]
    prompt: str | None = None
    system: str | None = None
    chosen: str | None = None
    rejected: str | None = None
    chosen_score: str | None = None
    rejected_score: str | None = None
    response: str | None = None
    score: str | None = None  # of the response
    messages: str | None = None
    annotator: str = "unknown"

    @model_validator(mode="after")
    def names_the_fields_of_its_kind(self) -> CustomSource:
        ways = {
            "preferences": [{"chosen", "rejected"}, {"prompt", "response", "score"}],
            "instructions": [{"messages"}, {"prompt", "response"}],
            "prompts": [{"messages"}, {"prompt"}],
        }[self.kind]
        extra = {"system"} | ({"prompt", "chosen_score", "rejected_score"} if self.chosen else set())
        fields = ("prompt", "chosen", "rejected", "chosen_score", "rejected_score", "response", "score", "messages")
        given = {name for name in fields if getattr(self, name) is not None}
        if not any(way <= given <= way | extra for way in ways):
            wanted = " or ".join(" and ".join(sorted(way)) for way in ways)
            raise ValueError(f"{self.kind} need the fields {wanted}; given: {', '.join(sorted(given)) or 'none'}")
        return self


Source = (
    WorldSource
    | FileSource
    | ShpSource
    | HelpSteerSource
    | PkuSource
    | UltraFeedbackSource
    | UltraInteractSource
    | CodeUltraFeedbackSource
    | RatedPairsSource
    | OrcaSource
    | SummarizationSource
    | NectarSource
    | RewardBenchSource
    | CustomSource
)


@section
class IngestParams:
    root: str  # folder that the sources' paths start from, itself relative to the project
    max_chars: Positive  # of a whole record: longer ones are rejected
    sources: dict[
        Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")],
        Annotated[Source, Field(discriminator="format")],
    ]

    @model_validator(mode="after")
    def has_every_kind(self) -> IngestParams:
        """The loop needs pairs for the reward model, conversations for π₀, and prompts."""
        if missing := set(get_args(Kind)) - {source.kind for source in self.sources.values()}:
            raise ValueError(f"no source of kind {', '.join(sorted(missing))}")
        return self


@section
class MixParams:
    """One mix: its train and test side are drawn by hash."""

    # each source with the share of its comparisons that is drawn; where two say the same, the source named first
    # stays; null takes all of every source of preferences, by name
    sources: dict[Name, Annotated[float, Field(gt=0, le=1)]] | None
    max_pairs: Positive | None  # to train on; null takes all
    max_test_pairs: Positive | None


@section
class NearDuplicateParams:
    """Similarity is Jaccard's, of the sets of word n-grams."""

    threshold: Annotated[float, Field(gt=0, le=1)]  # from here on a text repeats an earlier one
    words: Positive  # of an n-gram; a text of fewer is one n-gram
    permutations: Positive  # of a MinHash signature; more estimate better, and cost memory
    bands: Positive  # that a signature is cut into; more miss fewer near-duplicates, and compare more

    @model_validator(mode="after")
    def cuts_evenly(self) -> NearDuplicateParams:
        if self.permutations % self.bands:
            raise ValueError(f"permutations {self.permutations} is no multiple of bands {self.bands}")
        return self


@section
class EvaluationSet:
    """A file of evaluation items, in any layout that `readers.py` knows."""

    path: str  # taken from `root`
    field: str  # of a record: its text, or its list of texts
    sha256: str | None = None  # the pin: another content is refused; a new pin reruns the stages


@section
class ContaminationParams:
    root: str  # folder that the sets' paths start from, itself relative to the project
    words: Positive  # of an n-gram; items of fewer are only found as a whole user turn
    overlap: Annotated[float, Field(gt=0, le=1)]  # share of an item's n-grams, in one user turn
    sets: Annotated[dict[Name, EvaluationSet], Field(min_length=1)]


@section
class CleanParams:
    """What a comparison must pass to be in a mix, and a prompt to be in a shard; null leaves a rule out."""

    min_margin: dict[Name, Rate]  # by source, in its own scores: comparisons of a smaller or unknown one are dropped
    max_tokens: Positive | None  # of a comparison: its prompt and its longer response
    conflicting_labels: Literal["first", "neither", "keep"]  # of sources that label the same two responses differently
    near_duplicates: NearDuplicateParams | None
    contamination: ContaminationParams | None


@section
class Table5Params:
    complete: list[Name]  # sources that are whole: their prompts and pairs must be the published ones


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
    clean: CleanParams
    mix: Annotated[dict[Name, MixParams], Field(min_length=1)]
    table5: Table5Params
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

    @model_validator(mode="after")
    def names_sources_that_there_are(self) -> Params:
        known = {name for name, source in self.ingest.sources.items() if source.kind == "preferences"}
        named = {f"mix.{mix}.sources": set(one.sources or ()) for mix, one in self.mix.items()}
        named |= {"clean.min_margin": set(self.clean.min_margin), "table5.complete": set(self.table5.complete)}
        for place, sources in named.items():
            if unknown := sorted(sources - known):
                raise ValueError(f"{place}: no source of preferences: {', '.join(unknown)}")
        return self


@section
class Iteration:
    prev: Annotated[str, Field(pattern=r"^iter\d+$")]


@section
class Project:
    """params.yaml: which profile, and how many iterations."""

    profile: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")]
    mix: Name  # that the reward model is trained on; the profile must have one of this name
    iterations: dict[Annotated[str, Field(pattern=r"^iter[1-9]\d*$")], Iteration]
    policies: list[str]
