"""What every section of params may say: its keys, their types and ranges. Unknown keys are refused.

Sections bear the names of the stages that read them.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from rlhf_data.params.fields import Count, Kind, Name, Positive, Rate, Share, section
from rlhf_data.params.sources import Recorded, Source


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
class SelfDistillation:
    """More epochs, towards what the model said before them as a mean of both orders; else as the training itself.

    That mean favours no place and has less noise than labels: a model that learns it agrees with itself more often.
    """

    epochs: Positive
    learning_rate: Rate
    weight: Annotated[float, Field(gt=0, le=1)]  # of this loss; the labels' has the rest


@section
class PreferenceParams(Training):
    """The pairwise preference model: a language model that answers A or B (paper, section 2.3)."""

    base: str  # `iter0` starts from π₀; else a hub id or folder
    revision: str | None
    packing: Literal["bfd"] | None  # whole comparisons in blocks of max_length tokens, best fit first; null pads
    # the chosen's place is drawn by hash (paper), or each comparison is learnt in both orders, in one batch: what they
    # have in common, a liking for a letter, then cancels out
    positions: Literal["drawn", "both"]
    own_tokens: bool  # the template's fixed parts become tokens of their own: half the tokens of short comparisons
    self_distillation: SelfDistillation | None

    @model_validator(mode="after")
    def keeps_orders_together(self) -> PreferenceParams:
        if self.packing is not None and self.positions == "both":
            raise ValueError("positions: both keeps both orders in one batch; packing must be null")
        if self.self_distillation is not None and self.positions == "drawn":
            raise ValueError("self_distillation is towards the mean of both orders; positions must be both")
        return self


@section
class RewardJudge:
    """A Bradley–Terry reward model: P(first) = σ(reward of first − reward of second). Read as `score` says."""

    kind: Literal["reward"]


@section
class PairwiseJudge:
    """A pairwise preference model: P(A) against P(B) at the last token."""

    kind: Literal["pairwise"]
    orders: Literal["both", "one"]  # both: the mean over both orders (released code); one: as shown (paper)
    ranking: Literal["knock_out", "round_robin"]  # of K responses: 2K or K² comparisons about
    max_length: Positive  # tokens of the whole instruction
    batch_tokens: Positive  # that one forward pass holds
    precision: Literal["fp32", "bf16"]


@section
class PromptedJudge:
    """A language model that is asked which response is better, without training (paper, section 2.1)."""

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

    @model_validator(mode="after")
    def asks_a_server_only_where_one_is_named(self) -> PromptedJudge:
        if (self.engine == "openai") != (self.endpoint is not None):
            raise ValueError("engine: openai needs an endpoint, and no other engine takes one")
        return self


Judge = RewardJudge | PairwiseJudge | PromptedJudge


@section
class RankParams:
    """Whose rewards rank the responses that pairs are made of."""

    judges: Annotated[list[Name], Field(min_length=1)]  # of params.yaml's `scored_by`
    ensemble: Literal["mean", "min", "rank_vote"] | None  # of several; null for one

    @model_validator(mode="after")
    def joins_several_alone(self) -> RankParams:
        if (len(set(self.judges)) > 1) != (self.ensemble is not None) or len(set(self.judges)) < len(self.judges):
            raise ValueError("ensemble says how several different judges count, and is null for one")
        return self


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
class RewardTestsParams:
    """Comparisons that judges are tested on, beside the mix's own test side."""

    root: str  # folder that the sets' paths start from, itself relative to the project
    max_chars: Positive  # of a record: longer ones are rejected
    # by test, the sources of preferences that it is made of, by subset; RewardBench's records name their own subset
    sets: dict[Name, dict[Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")],
                          Annotated[Recorded, Field(discriminator="format")]]]  # fmt: skip
    held_out_pairs: Count  # of the mix's test side, at most: the test `held_out`
    part_pairs: Positive  # pairs whose verdicts are kept at once; a crash loses as many at most
    ties: Literal["half", "wrong"]  # what a tie, or no verdict, counts: 0.5, or nothing (RewardBench's own code)
    fresh: bool  # as generate.fresh

    @model_validator(mode="after")
    def compares(self) -> RewardTestsParams:
        if "held_out" in self.sets:
            raise ValueError("sets: held_out is the mix's own test side; name the test otherwise")
        for test, parts in self.sets.items():
            for subset, source in parts.items():
                if source.kind != "preferences":
                    raise ValueError(f"sets.{test}.{subset}: a test is made of preferences, not of {source.kind}")
        return self


@section
class LengthBiasParams:
    """How finely the length reports look."""

    length_bins: Positive  # of about as many prompts (heatmap) or responses (curve) each
    correlation_bins: Positive  # of −1 to 1
    penalty_low: Annotated[float, Field(ge=0)]  # λ of the sweep, reward per character
    penalty_high: Annotated[float, Field(ge=0)]
    penalties: Annotated[int, Field(ge=2)]  # that are tried, both ends included


@section
class HackingParams:
    repetition_words: Positive  # n of the n-grams whose repetition within a response is counted
    # phrases, in any case, any of which makes a response a refusal
    refusals: Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)]


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
    train_preference: PreferenceParams
    judges: dict[Name, Annotated[Judge, Field(discriminator="kind")]]  # the model of each is data/models/<name>
    prompts: PromptsParams
    offline: OfflineParams
    generate: GenerateParams
    score: ScoreParams
    rank: RankParams
    pair: PairParams
    history: HistoryParams
    train_policy: PolicyParams
    evaluate: EvaluateParams
    report: ReportParams
    reward_tests: RewardTestsParams
    length_bias: LengthBiasParams
    hacking: HackingParams

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
    launch: str  # what starts a training stage: `python -m`, or `accelerate launch … -m`
    iterations: dict[Annotated[str, Field(pattern=r"^iter[1-9]\d*$")], Iteration]
    policies: list[str]
    scored_by: Annotated[list[Name], Field(min_length=1)]  # judges that score every response; `rank` says who counts
    tested: list[Name]  # judges that the reward tests compare
    second_judge: Name  # that no policy is trained on: what reward hacking is held against
