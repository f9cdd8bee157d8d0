"""What `rlhf-data check` finds of sources, evaluation sets and prompts: each is opened, and its first records read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import polars as pl

from rlhf_data.cleaning import ingest, prompt_shards
from rlhf_data.commands.findings import Finding, fault
from rlhf_data.errors import RlhfDataError, SourceError
from rlhf_data.judges import given_folder
from rlhf_data.params import Params, ProjectParams
from rlhf_data.params.cleaning import EvaluationSet
from rlhf_data.params.sources import Drawn, Recorded
from rlhf_data.sources import fields, formats, raw, readers
from rlhf_data.sources.records import BadRecord

FIRST = 200  # records of a source that are read
POOL = 20_000  # of a source of prompts


def findings(project: Path, wanted: ProjectParams, profile: Params) -> Iterator[Finding]:
    """Sources, the benchmarks of judges, evaluation sets, recorded scores, and whether prompts fill the shards."""
    section, pools = profile.ingest, list[pl.DataFrame]()
    for name, source in section.sources.items():
        if isinstance(source, Drawn):
            continue
        most = POOL if source.kind == "prompts" else FIRST
        found = _tried(partial(_kept, project / section.root, name, source, profile, most), f"ingest.sources.{name}")
        yield from found.said
        if source.kind == "prompts" and found.cleaned is not None and found.cleaned.raw < most:
            pools.append(found.cleaned.table)
    yield from _others(project, profile)
    asked = [one for one in section.sources.values() if one.kind == "prompts"]
    if len(pools) == len(asked):
        yield from _shards(pl.concat(pools), wanted, profile)


def _others(project: Path, profile: Params) -> Iterator[Finding]:
    tests, sets = profile.benchmark_pairs, profile.clean.contamination
    for test, subset, source in tests.sources():
        look = partial(_kept, project / tests.root, subset, source, profile, FIRST)
        yield from _tried(look, f"benchmark_pairs.sets.{test}.{subset}").said
    if sets is not None:
        for name, one in sets.sets.items():
            yield from _tried(partial(_first_of, project / sets.root, one), f"clean.contamination.sets.{name}").said
    for name, judge in profile.judges.items():
        if judge.kind == "recorded":
            yield from _tried(partial(given_folder.refuse_unread, judge, project), f"judges.{name}").said


class _Tried(NamedTuple):
    said: list[Finding]
    cleaned: ingest.Cleaned | None


def _tried(read: Callable[[], ingest.Cleaned | None], place: str) -> _Tried:
    try:
        cleaned = read()
    except (RlhfDataError, OSError) as error:
        return _Tried([fault(place, error)], None)
    if cleaned is None:
        return _Tried([("ok", f"{place}: is read")], None)
    level = "ok" if 2 * cleaned.kept >= cleaned.raw else "warning"
    tail = "" if level == "ok" else " — `rlhf-data inspect` says why the others are not"
    return _Tried([(level, f"{place}: of the first {cleaned.raw} records {cleaned.kept} are kept{tail}")], cleaned)


def _kept(root: Path, name: str, source: Recorded, profile: Params, most: int) -> ingest.Cleaned:
    """What becomes of the source's first records; raises `SourceError` where none can be used, or none be read."""
    if source.hub is not None and not Path(source.hub).is_dir():
        _refuse_unreachable(source.hub)
    parse = formats.parser(source.format, source.kind, vars(source) | {"seed": profile.seed})
    # what is held out of training is left in: of so few records, all might be
    return ingest.of_source(
        islice(raw.records(source, root), most),
        parse,
        source,
        name=name,
        max_chars=profile.ingest.max_chars,
        seed=profile.seed,
        drop_markup=profile.ingest.markup == "reject",
    )


def _refuse_unreachable(hub: str) -> None:
    from huggingface_hub import HfApi

    try:
        HfApi().dataset_info(hub, timeout=5)
    except Exception as error:  # each library has errors of its own
        raise SourceError(
            f"{hub}: no such folder, and the hub does not give it: {type(error).__name__}\n"
            "  correct the source's hub, or check the network"
        ) from error


def _first_of(root: Path, one: EvaluationSet) -> None:
    record = next(iter(readers.pinned(root, one)))
    try:
        fields.at(record, one.field)
    except BadRecord as bad:
        raise SourceError(f"{root / one.path}: {bad.detail}\n  correct the set's `field`") from bad


def _shards(pool: pl.DataFrame, wanted: ProjectParams, profile: Params) -> Iterator[Finding]:
    """Whether every iteration, dev and test get a prompt, dealt as the stage will; lengths in tokens are not known."""
    section = profile.prompts
    sizes = prompt_shards.sizes(section, wanted.iterations)
    prompts = pool.unique("prompt_id", keep="first", maintain_order=True)
    try:
        dealt = prompt_shards.deal_as(section, prompts, wanted.iterations, held_out=profile.held_out, seed=profile.seed)
    except RlhfDataError as error:
        yield fault("prompts", error)
        return
    short = [f"{name} {dealt[name].height} of {size}" for name, size in sizes.items() if dealt[name].height < size]
    if short:
        yield "warning", f"prompts: fewer than asked for: {', '.join(short)} — add prompts, or lower the sizes"
    else:
        yield "ok", f"prompts: {prompts.height} fill every iteration, dev and test"
