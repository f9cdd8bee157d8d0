"""params.yaml and params/<profile>.yaml, read and checked before anything is loaded.

The numbers live in the YAML files and their types and ranges in the modules beside this one; a number has no default
but that of the profile which another starts `from`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from rlhf_data.errors import ParamsError
from rlhf_data.params import merging, told, yaml_text
from rlhf_data.params.cleaning import CleanParams, IngestParams, MixParams, PromptsParams, Table5Params
from rlhf_data.params.fields import Count, Name, Share, section
from rlhf_data.params.judges import BenchmarkPairsParams, CombineRewardsParams, Judge, ScoreParams
from rlhf_data.params.loop import (
    AnnotateParams,
    EvaluateParams,
    GenerateParams,
    HistoryParams,
    OfflineHistoryParams,
    PairParams,
)
from rlhf_data.params.reports import HackingParams, LengthBiasParams, ReportParams
from rlhf_data.params.training import (
    LlamaSize,
    PolicyParams,
    PreferenceParams,
    RewardParams,
    SftParams,
    TokenizerParams,
)

P = TypeVar("P")
CHARS_PER_TOKEN = 4  # about, of English


@section
class Params:
    """One profile."""

    seed: Count
    held_out: Share  # of all first questions, by hash: no model is trained on a conversation that starts with one
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
    offline_history: OfflineHistoryParams
    generate: GenerateParams
    score: ScoreParams
    combine_rewards: CombineRewardsParams
    pair: PairParams
    history: HistoryParams
    train_policy: PolicyParams
    evaluate: EvaluateParams
    report: ReportParams
    benchmark_pairs: BenchmarkPairsParams
    length_bias: LengthBiasParams
    hacking: HackingParams
    annotate: AnnotateParams | None = None

    @model_validator(mode="after")
    def names_sources_that_there_are(self) -> Params:
        known = {name for name, source in self.ingest.sources.items() if source.kind == "preferences"}
        named = {f"mix.{mix}.sources": set(one.sources or ()) for mix, one in self.mix.items()}
        named |= {"clean.min_margin": set(self.clean.min_margin), "table5.complete": set(self.table5.complete)}
        for place, sources in named.items():
            if unknown := sorted(sources - known):
                raise ValueError(f"{place}: no source of preferences: {', '.join(unknown)}")
        asked = {name for name, source in self.ingest.sources.items() if source.kind == "prompts"}
        if unknown := sorted(set(self.prompts.held_out or ()) - asked):
            raise ValueError(f"prompts.held_out: no source of prompts: {', '.join(unknown)}")
        return self

    @model_validator(mode="after")
    def trains_on_what_prompts_leave_room_for(self) -> Params:
        asked, trained = self.prompts.max_tokens, self.train_policy.max_length
        if asked >= trained:
            raise ValueError(
                f"prompts.max_tokens: prompts of {asked} tokens leave no room for an answer in "
                f"train_policy.max_length {trained}"
            )
        if asked >= self.generate.max_model_len - self.generate.max_tokens:
            raise ValueError(
                f"prompts.max_tokens: prompts of {asked} tokens and answers of generate.max_tokens "
                f"{self.generate.max_tokens} pass generate.max_model_len {self.generate.max_model_len}"
            )
        return self

    @model_validator(mode="after")
    def has_conversations_where_it_trains_on_them(self) -> Params:
        kinds = {source.kind for source in self.ingest.sources.values()}
        if self.train_sft.epochs and "instructions" not in kinds:
            raise ValueError(
                "ingest.sources: no source of kind instructions, which train_sft learns from; "
                "train_sft.epochs 0 leaves a base as it is and needs none"
            )
        return self

    @model_validator(mode="after")
    def writes_within_the_context_of_a_new_model(self) -> Params:
        base = self.train_sft.base
        if isinstance(base, LlamaSize) and self.generate.max_model_len > base.context:
            raise ValueError(
                f"generate.max_model_len {self.generate.max_model_len} is beyond train_sft.base.context {base.context}"
            )
        return self

    @model_validator(mode="after")
    def penalises_length_on_the_scale_of_its_rewards(self) -> Params:
        combined = self.combine_rewards
        scales = [self.judges[name].scale for name in combined.judges if name in self.judges]
        bounded = [one for one in scales if one is not None]
        if combined.ensemble == "rank_vote":
            scale = 1.0
        elif bounded and len(bounded) == len(scales):
            scale = max(bounded)
        else:
            return self
        chars = CHARS_PER_TOKEN * self.generate.max_tokens
        if self.pair.length_penalty * chars > scale:
            raise ValueError(
                f"pair.length_penalty: rewards of {combined.ensemble or combined.judges[0]} lie within {scale:g}, and "
                f"{self.pair.length_penalty:g} per character takes more than that from {chars} characters "
                f"(generate.max_tokens); at most {scale / chars:.2g}"
            )
        return self


@section
class Iteration:
    """One iteration t of Algorithm 1: `prev` is the iteration t − 1 that it goes on from."""

    prev: Annotated[str, Field(pattern=r"^iter\d+$")]


@section
class ProjectParams:
    """params.yaml: which profile, and how many iterations."""

    profile: Annotated[str, Field(pattern=f"^{merging.NAME}$")]
    mix: Name  # that the reward model is trained on; the profile must have one of this name
    launch: str  # what starts a training stage: `python -m`, or `accelerate launch … -m`
    iterations: dict[Annotated[str, Field(pattern=r"^iter[1-9]\d*$")], Iteration]
    policies: list[str]
    # judges that score every response; `combine_rewards` says whose rewards make pairs
    scored_by: Annotated[list[Name], Field(min_length=1)]
    tested: list[Name]  # judges that are compared on test pairs
    given_judges: tuple[Name, ...] = ()  # judges that are not trained here
    tasks: tuple[Literal["requests"], ...] = ()  # that have a report of their own: constraints kept
    second_judge: Name  # that no policy is trained on: what reward hacking is held against


def project(folder: Path = Path()) -> ProjectParams:
    """params.yaml of the project in `folder`; raises `ParamsError` where its iterations are no chain from iter0."""
    found = _read(folder / "params.yaml", ProjectParams)
    chain = [f"iter{t}" for t in range(len(found.iterations) + 1)]
    if list(found.iterations) != chain[1:] or [i.prev for i in found.iterations.values()] != chain[:-1]:
        raise ParamsError("params.yaml: iterations must run iter1, iter2, … each with the one before as `prev`")
    if found.policies != chain:
        raise ParamsError(f"params.yaml: policies must be iter0 and every iteration, in order: {', '.join(chain)}")
    return found


def load(folder: Path = Path()) -> Params:
    """The profile that params.yaml names; raises `ParamsError` where it lacks its mix or a judge of its.

    So it does in a stage that DVC runs, where the values are not those that DVC watches (`merging.WRITTEN`).
    """
    wanted = project(folder)
    values = merging.merged(wanted.profile, folder)
    if "DVC_STAGE" in os.environ and merging.in_force(folder / merging.WRITTEN) not in (None, values):
        raise ParamsError(
            f"{merging.WRITTEN}: has other values than params/{wanted.profile}.yaml\n  `dvc repro profile` renews it"
        )
    profile = checked(values, str(folder / "params" / f"{wanted.profile}.yaml"))
    if wanted.mix not in profile.mix:
        raise ParamsError(f"params.yaml: mix: {wanted.profile} has no {wanted.mix!r}; it has: {', '.join(profile.mix)}")
    known, scored = set(profile.judges), set(wanted.scored_by)
    if unknown := sorted({*scored, *wanted.tested, *wanted.given_judges, wanted.second_judge} - known):
        raise ParamsError(
            f"params.yaml: {wanted.profile} has no judge {', '.join(unknown)}; it has: {', '.join(sorted(known))}"
        )
    if unscored := sorted(set(profile.combine_rewards.judges) - scored):
        raise ParamsError(
            f"combine_rewards.judges: {', '.join(unscored)} must be in params.yaml's `scored_by` to score responses"
        )
    return profile


def load_profile(profile: str, folder: Path = Path()) -> Params:
    """params/<profile>.yaml over what it starts from; raises `ParamsError` with one line per broken value."""
    return checked(merging.merged(profile, folder), str(folder / "params" / f"{profile}.yaml"))


def checked(values: dict[str, Any], path: str) -> Params:
    """All values of the profile at `path`; raises `ParamsError` as `load_profile` does."""
    return _checked(values, path, Params)


def _read(path: Path, kind: type[P]) -> P:
    try:
        text = path.read_bytes()
    except FileNotFoundError as error:
        raise ParamsError(f"{path}: absent; run this from the project's root") from error
    return _checked(yaml_text.loaded(text, str(path)), str(path), kind)


def _checked(values: Any, path: str, kind: type[P]) -> P:
    try:
        return TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        lines = "".join(f"\n  {line}" for line in told.lines(error, kind))
        raise ParamsError(f"{path}: {error.error_count()} wrong value(s){lines}") from error


def number(iteration: str) -> int:
    """The paper's t of `iter<t>`."""
    return int(iteration.removeprefix("iter"))
