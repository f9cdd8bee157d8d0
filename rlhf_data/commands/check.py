"""`rlhf-data check`: what would stop a run, or make it mean something else, found in seconds before it starts.

All findings at once, each in one line with what to do: params, sources (hashes, the first records), models (folders,
tokenizer, chat template, context), judges, prompts, engines, disk, and inputs that changed since stages read them.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from rlhf_data import masking, params
from rlhf_data.commands import check_models, check_sources
from rlhf_data.commands.findings import Finding, told
from rlhf_data.commands.projects import Project
from rlhf_data.errors import RlhfDataError
from rlhf_data.evaluation import gold
from rlhf_data.params import Params, ProjectParams, merging
from rlhf_data.params.profiles import CHARS_PER_TOKEN
from rlhf_data.params.training import LlamaSize
from rlhf_data.storage import inputs

MOVED = 12  # lines of what changed that are read
GIB = 2**30
CHARS_BYTES = 2 * CHARS_PER_TOKEN  # of a token's text, in a table and in the cache


def main(project: Project) -> None:
    """Check the profile and what it reads before anything runs; exits with 1 where something is a problem."""
    told(findings(project))


def findings(project: Path) -> Iterator[Finding]:
    """What is found, in the order of the pipeline; a problem in one place hides none elsewhere."""
    try:
        wanted, profile = params.project(project), params.load(project)
    except RlhfDataError as error:
        head, *lines = str(error).splitlines()
        several = [f"{head.split(': ')[0]}: {line.strip()}" for line in lines] if "wrong value(s)" in head else []
        for line in several or [masking.line(error)]:
            yield "problem", f"{line} — correct it; nothing runs before"
        return
    yield "ok", f"params.yaml: profile {wanted.profile} is valid"
    yield from _moved(project, wanted)
    checks: list[Callable[[Path, ProjectParams, Params], Iterator[Finding]]] = [
        _judges,
        check_sources.findings,
        check_models.findings,
        _disk,
        _changed,
    ]
    for check in checks:
        yield from check(project, wanted, profile)


def _moved(project: Path, wanted: ProjectParams) -> Iterator[Finding]:
    """What `dvc repro` will find changed, the other profile's defaults among it."""
    if (before := merging.in_force(project / merging.WRITTEN)) is not None:
        moved = merging.moved(before, merging.merged(wanted.profile, project))
        for line in merging.most_of(moved, MOVED):
            yield "ok", f"changed since the last run: {line}"


def _judges(project: Path, wanted: ProjectParams, profile: Params) -> Iterator[Finding]:
    """Judges by what stages can make of them, and policies by what they can be chosen by."""
    judges = profile.judges
    if wanted.second_judge in profile.combine_rewards.judges:
        also = f"params.yaml: second_judge: {wanted.second_judge} also trains (combine_rewards.judges)"
        yield "problem", f"{also}: hacking cannot show — name another judge"
    for name in sorted({*wanted.scored_by, wanted.second_judge}):
        if judges[name].kind == "recorded":
            yield "problem", f"judges.{name}: recorded scores are of texts that were there, not of new ones — test it"
    made = {"reward": "reward", "pairwise": "preference", "prompted": "prompted"}  # what stages make, by kind
    for name in dict.fromkeys([*wanted.scored_by, *wanted.tested, wanted.second_judge]):
        judge = judges[name]
        given = judge.kind == "recorded" or (judge.kind == "reward" and judge.model is not None)
        if given and name not in wanted.given_judges:
            yield "problem", f"judges.{name}: is not trained here — add it to `given_judges` in params.yaml"
        if not given and name != made[judge.kind]:
            yield "problem", f"judges.{name}: no stage makes it — call the {judge.kind} one {made[judge.kind]}"
    for name in wanted.given_judges:
        if judges[name].kind not in ("reward", "recorded") or getattr(judges[name], "model", "") is None:
            yield "problem", f"judges.{name}: is trained here — take it out of `given_judges` in params.yaml"
    asked = [one for one in profile.ingest.sources.values() if one.kind == "prompts"]
    if profile.report.select_by == "gold_reward" and not any(one.format in gold.FORMATS for one in asked):
        yield "problem", "report.select_by: gold_reward is known of no prompt here — set it to reward"


def _disk(project: Path, wanted: ProjectParams, profile: Params) -> Iterator[Finding]:
    """Room for what a run writes: responses, and a model for each policy and judge, with one under way."""
    there = next(folder for folder in (project / "data", project) if folder.exists())
    free = shutil.disk_usage(there).free
    answers = len(wanted.iterations) * profile.prompts.per_iteration * profile.generate.samples
    answers += len(wanted.policies) * (profile.prompts.dev + profile.prompts.test)
    base = profile.train_sft.base
    weights = _bytes_of(base) if isinstance(base, LlamaSize) else check_models.size(project, base)
    # twice: the workspace's files, and the cache's where the disk cannot link them; a training holds Adam's state
    models = 2 * weights * (len(wanted.policies) + 2) + 4 * weights
    needed = answers * profile.generate.max_tokens * CHARS_BYTES + models
    found = f"disk: a first run writes about {needed / GIB:.1f} GiB, {free / GIB:.1f} are free"
    if needed > free:
        yield "problem", f"{found} — free some, or move the cache: `dvc cache dir PATH`"
    else:
        yield "ok", found


def _bytes_of(size: LlamaSize) -> int:
    layer = 4 * size.hidden_size**2 + 3 * size.hidden_size * size.intermediate_size
    return 4 * size.layers * layer


def _changed(project: Path, wanted: ProjectParams, profile: Params) -> Iterator[Finding]:
    """Inputs that DVC does not watch and that are not what a stage of the last run read."""
    for stage in inputs.STAGES:
        for path in inputs.changed(project, stage, profile):
            again = f"`dvc repro --force --single-item {stage}` reads it again; then go on"
            yield "problem", f"{path}: changed since the stage {stage} read it, which DVC does not see — {again}"
