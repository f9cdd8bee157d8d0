"""Files outside the project's tables that a stage reads and DVC does not watch: are they still what it read?

A stage that ends writes down what it read to `data/.journal/inputs/<stage>.json`: size, time and SHA-256 of each file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from rlhf_data.errors import RlhfDataError
from rlhf_data.hashing import sha256
from rlhf_data.params import Params, load
from rlhf_data.params.sources import Drawn
from rlhf_data.storage import locks
from rlhf_data.storage.atomic import atomically

FOLDER = Path("data/.journal/inputs")
# by what the params name, and then by file: bytes, the two times of change in ns, SHA-256
Read = dict[str, dict[str, tuple[int, int, int, str]]]


def _sources(profile: Params) -> Iterator[Path]:
    root = Path(profile.ingest.root)
    for source in profile.ingest.sources.values():
        if not isinstance(source, Drawn):
            yield from (root / source.path,) if source.path else (Path(str(source.hub)),)
    if profile.clean.contamination and profile.clean.contamination.instructions:
        yield from _evaluation_sets(profile)


def _evaluation_sets(profile: Params) -> Iterator[Path]:
    if sets := profile.clean.contamination:
        yield from (Path(sets.root) / one.path for one in sets.sets.values())


def _tests(profile: Params) -> Iterator[Path]:
    for _, _, source in profile.benchmark_pairs.sources():
        yield Path(profile.benchmark_pairs.root) / source.path if source.path else Path(str(source.hub))


def _judges(*kinds: str) -> Callable[[Params], Iterator[Path]]:
    def found(profile: Params) -> Iterator[Path]:
        for judge in profile.judges.values():
            named = judge.path if judge.kind == "recorded" else getattr(judge, "model", None)
            if judge.kind in kinds and named and named != "iter0" and getattr(judge, "engine", "") != "openai":
                yield Path(named)

    return found


def _base(section: str) -> Callable[[Params], Iterator[Path]]:
    def found(profile: Params) -> Iterator[Path]:
        base = getattr(profile, section).base
        if isinstance(base, str) and base != "iter0":
            yield Path(base)

    return found


STAGES: dict[str, Callable[[Params], Iterable[Path]]] = {  # what each stage reads beside tables, by the profile
    "ingest": _sources,
    "mix": _evaluation_sets,
    "prompts": _evaluation_sets,
    "tokenizer": lambda profile: [Path(profile.tokenizer.hub)] if profile.tokenizer.hub else [],
    "train_sft": _base("train_sft"),
    "train_reward": _base("train_reward"),
    "train_preference": _base("train_preference"),
    "llm_judge": _judges("prompted"),
    "given_judge": _judges("reward", "recorded"),
    "benchmark_pairs": _tests,
}


def look(stage: str) -> Read | None:
    """What there is now of what a stage reads, from the current folder; None where there is nothing such."""
    if stage not in STAGES or not locks.is_first():
        return None
    try:
        named = {str(one): dict(_files(Path(), one)) for one in STAGES[stage](load())}
        return {
            one: {name: (*_stat(path), sha256(path)) for name, path in files.items()} for one, files in named.items()
        } or None
    except (RlhfDataError, OSError):  # the stage itself says it better
        return None


def record(stage: str, read: Read | None) -> None:
    """Writes down what a stage that ended has read."""
    if read is not None:
        FOLDER.mkdir(parents=True, exist_ok=True)
        atomically(FOLDER / f"{stage}.json", lambda partial: partial.write_text(json.dumps(read), encoding="utf8"))


def changed(project: Path, stage: str, profile: Params) -> list[str]:
    """The files that are not what the stage last read here; none where it has not run, or by other params."""
    try:
        read: dict[str, Any] = json.loads((project / FOLDER / f"{stage}.json").read_text(encoding="utf8"))
    except (OSError, ValueError):
        return []
    found: set[str] = set()
    for one in STAGES[stage](profile):
        if (was := read.get(str(one))) is not None:
            now = dict(_files(project, one))
            found |= now.keys() ^ was.keys()  # added to, or gone from, a folder or what a pattern names
            found |= {name for name in now.keys() & was.keys() if not _same(now[name], was[name])}
    return sorted(found)


def _same(path: Path, was: Any) -> bool:
    *stat, content = was
    now = _stat(path)
    return bool(now[0] == stat[0] and (now == tuple(stat) or sha256(path) == content))


def _stat(path: Path) -> tuple[int, int, int]:
    """Size and times; the last is the system's own, which a copy that keeps times cannot set."""
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def _files(project: Path, one: Path) -> Iterator[tuple[str, Path]]:
    """A file, those of a folder or those that a pattern names, by the name that starts as the params write it."""
    place = Path(one.anchor) if one.is_absolute() else project
    pattern = str(one).removeprefix(place.anchor)
    for path in sorted(place.glob(pattern)) if "*" in pattern else [project / one]:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                yield str(file if one.is_absolute() else file.relative_to(project)), file
