"""Sections of what is read and what is kept: `ingest`, `mix`, `clean`, `table5`, `prompts`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from rlhf_data.params.fields import Name, Positive, Rate, section
from rlhf_data.params.sources import Source


@section
class IngestParams:
    """The sources, and what bounds a record."""

    root: str  # folder that the sources' paths start from, itself relative to the project
    max_chars: Positive  # of the texts of a row: longer ones are rejected
    markup: Literal["keep", "reject"] = "keep"  # texts with special tokens of a chat template; counted either way
    sources: dict[
        Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")],
        Annotated[Source, Field(discriminator="format")],
    ]

    @model_validator(mode="after")
    def has_pairs_and_prompts(self) -> IngestParams:
        """The loop needs pairs for the reward model, and prompts; conversations only where π₀ is trained."""
        if missing := {"preferences", "prompts"} - {source.kind for source in self.sources.values()}:
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
    """The evaluation sets that no comparison and no prompt may repeat, nor an SFT conversation with `instructions`."""

    root: str  # folder that the sets' paths start from, itself relative to the project
    words: Positive  # of an n-gram; items of fewer are only found as a whole user turn
    overlap: Annotated[float, Field(gt=0, le=1)]  # share of an item's n-grams, in one user turn
    sets: Annotated[dict[Name, EvaluationSet], Field(min_length=1)]
    min_words: Positive = 1  # of an item; shorter ones ("Rewrite your answer.") are what anyone may say
    instructions: bool = False  # whether SFT conversations are held against them too


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
    """Which sources are held against the counts of the paper's Table 5."""

    complete: list[Name]  # sources that are whole: their prompts and pairs must be the published ones


@section
class PromptsParams:
    """How the prompt pool is cut into shards: one per iteration, dev and test."""

    max_tokens: Positive  # of the contents; longer prompts are rejected
    shards: Positive  # that the prompts not held out are dealt to, by content hash; a new number moves prompts
    per_iteration: Positive  # at most, as dev and test
    dev: Positive
    test: Positive
    # sources that dev and test take whole, and no iteration; null: a share of every source's
    held_out: Annotated[list[Name], Field(min_length=1)] | None = None
