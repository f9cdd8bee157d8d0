"""What params may say of a source: where its records lie, and the options of its layout.

Each class is the options of one layout in `sources/formats/`, or of several that leave nothing open.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from rlhf_data.params.fields import Kind, Positive, section

Side = Literal["first", "second", "tie"]
Scalar = bool | float | str | None
Sign = Literal["positive_first", "positive_second"]


@section
class WorldSource:
    """Records drawn from the embedded world."""

    format: Literal["world"]
    kind: Kind
    rows: Positive


@section
class RequestsSource:
    """Everyday requests with constraints that a program checks, drawn."""

    format: Literal["requests"]
    kind: Literal["prompts"]
    rows: Positive
    topics: Literal["trained", "held_out"]  # which topics they are about; half of the latter have held-out constraints


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
    leaves: tuple[str, ...] = ()  # fields that are not read and change nothing here, whatever they are called
    trim_unanswered: bool = False  # of instructions: a user's turn that ends a conversation goes, and not its record
    where: dict[str, Scalar | list[Scalar]] = Field(
        default_factory=dict
    )  # fields, and which of their values are wanted
    extra: tuple[str, ...] = ()  # fields that are kept beside the rows, as `data/extras.parquet` (the view `extras`)
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
        if self.kind != "instructions" and self.trim_unanswered:
            raise ValueError(f"trim_unanswered goes with instructions; {self.kind} would ignore it")
        if self.pick == "first" and self.max_pairs_per_prompt is None:
            raise ValueError("pick goes with max_pairs_per_prompt")
        return self


@section
class FileSource(RecordSource):
    """A layout that leaves nothing open."""

    format: Literal[
        "hh_rlhf",
        "labelled",
        "standard",
        "scored_texts",
        "pandalm",
        "sharegpt_pairs",
        "skywork_preference",
        "dolci_dpo",
        "dolci_sft",
        "ultrafeedback_binarized",
        "helpsteer3",
        "chatbot_arena",
        "auto_j",
        "judge_bench",
        "rm_bench",
        "reward_bench_2",
        "alpaca_eval",
        "llmbar",
        "humanevalpack",
        "xstest",
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
    """SHP: comparisons of Reddit comments by their scores."""

    format: Literal["shp"]
    min_ratio: Annotated[float, Field(ge=1)]  # of the two comments' scores
    ratio: Literal["above", "at_least"] = "above"


@section
class HelpSteerSource(RecordSource):
    """HelpSteer: responses rated by attribute, of which one is the score."""

    format: Literal["helpsteer"]
    score: Literal["helpfulness_correctness", "helpfulness", "all"] = "helpfulness_correctness"


@section
class PkuSource(RecordSource):
    """PKU-SafeRLHF: comparisons labelled by safety and by helpfulness."""

    format: Literal["pku_safe_rlhf"]
    label: Literal["safer", "better", "consistent"] = "safer"
    safety: Literal["any", "some_safe", "differing"] = "any"
    drop_wrong_labels: bool = False  # an unsafe response called safer than a safe one


@section
class UltraFeedbackSource(RecordSource):
    """UltraFeedback: completions rated by GPT-4."""

    format: Literal["ultrafeedback"]
    score: Literal["fine_grained", "ratings", "overall"] = "fine_grained"
    drop_truthfulqa: bool = False  # a benchmark's questions, of which the set holds 811
    compat: bool = False  # the released script's reading


@section
class UltraInteractSource(RecordSource):
    """UltraInteract: trees of right and wrong actions."""

    format: Literal["ultrainteract"]
    tasks: list[Literal["Coding", "Math_CoT", "Math_PoT", "Logic"]] | None = None  # null takes all
    drop_same_answer: bool = False


@section
class CodeUltraFeedbackSource(RecordSource):
    """CodeUltraFeedback: code rated by a preference for style."""

    format: Literal["code_ultrafeedback"]
    compat: bool = False  # the released script's reading: ratings compared as text


@section
class RatedPairsSource(RecordSource):
    """Pairs whose two responses are both rated (Capybara, Argilla's math)."""

    format: Literal["argilla_math", "capybara"]
    drop_ties: bool = False


@section
class OrcaSource(RecordSource):
    """Distilabel's Orca pairs."""

    format: Literal["distilabel_orca"]
    system: Literal["prepend", "message", "drop"] = "prepend"
    drop_gsm8k: bool = False  # prompts of a benchmark's training set
    min_chosen_score: float | None = None  # of 10


@section
class SummarizationSource(RecordSource):
    """OpenAI's comparisons of summaries."""

    format: Literal["summarize_from_feedback"]
    prompt: Literal["instructed", "raw"] = "instructed"
    splits: list[Literal["train", "valid1", "valid2"]] | None = None  # of the records' own field; null takes all


@section
class NectarSource(RecordSource):
    """Nectar: seven ranked answers per prompt."""

    format: Literal["nectar"]
    pairing: Literal["best_worst", "best_random", "top4_random", "all"] = "best_worst"


@section
class RewardBenchSource(RecordSource):
    """RewardBench: comparisons by subset."""

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
    first: str | None = None  # two responses, and the `label` that says which is better; several labels vote
    second: str | None = None
    label: str | Annotated[list[str], Field(min_length=1)] | None = None
    # which values of the label mean which side, or that the sign of a number does; null takes what public sets write
    labels: dict[Side, list[str | float]] | Sign | None = None
    messages: str | None = None
    annotator: str = "unknown"
    annotator_field: str | None = None  # of the preferences: who gave the label, where records say so

    @model_validator(mode="after")
    def names_the_fields_of_its_kind(self) -> CustomSource:
        ways = {
            "preferences": [{"chosen", "rejected"}, {"prompt", "response", "score"}, {"first", "second", "label"}],
            "instructions": [{"messages"}, {"prompt", "response"}],
            "prompts": [{"messages"}, {"prompt"}],
        }[self.kind]
        extra = {"system", "annotator_field"} | ({"prompt", "chosen_score", "rejected_score"} if self.chosen else set())
        extra |= {"prompt", "labels"} if self.first else set()
        fields = [
            *("prompt", "chosen", "rejected", "chosen_score", "rejected_score", "response", "score", "messages"),
            *("first", "second", "label", "labels"),
        ]
        given = {name for name in fields if getattr(self, name) is not None}
        if not any(way <= given <= way | extra for way in ways):
            wanted = " or ".join(" and ".join(sorted(way)) for way in ways)
            raise ValueError(f"{self.kind} need the fields {wanted}; given: {', '.join(sorted(given)) or 'none'}")
        return self

    @model_validator(mode="after")
    def tells_the_sides_apart(self) -> CustomSource:
        if isinstance(self.labels, dict):
            if not (self.labels.get("first") or self.labels.get("second")):
                raise ValueError("labels name no value of first or second; null takes what public sets write")
            values = [value for side in self.labels.values() for value in {_as_compared(one) for one in side}]
            if twice := sorted({str(one) for one in values if values.count(one) > 1}):
                raise ValueError(f"labels have one meaning each; of two sides: {', '.join(twice)}")
        return self


def _as_compared(label: str | float) -> str | float:
    """A label's value, whose case changes nothing, and which is a number where it spells one."""
    try:
        return float(label)
    except ValueError:
        return str(label).strip().lower()


Recorded = (
    FileSource
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
Drawn = WorldSource | RequestsSource
Source = Drawn | Recorded
