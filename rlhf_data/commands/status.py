"""`rlhf-data status`: the pipeline in some thirty lines: what is fresh, what `dvc repro` would run, and why."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import chdir
from pathlib import Path
from typing import Any

from rlhf_data import params
from rlhf_data.commands.projects import Project
from rlhf_data.errors import StorageError
from rlhf_data.params import merging, yaml_text
from rlhf_data.storage import part_files, times, why

PROFILE = "profile"  # the stage that writes the values in force, which are known without it
FRESH, STALE, AFTER = "fresh", "stale", "after"
KEPT = {  # tables of which each row is kept by what decided it, by stage; {} are the parts of its name behind @
    "generate": "data/generations/{}",
    "score": "data/scores/{}/{}.parquet",
    "history": "data/history/{}",
    "evaluate": "data/evaluations/{}.parquet",
    "logprobs": "data/logprobs/{}.parquet",
    "judge_policy": "data/second_opinions/{}.parquet",
    "benchmark_judge": "data/reward_tests/{}.parquet",
}
MOST = 3  # reasons that are said


def main(project: Project) -> None:
    """Tell which stages are fresh, which ones `dvc repro` would run, and why; nothing runs.

    stale: values, inputs or outputs are not those of the last run. after: an earlier stage is stale, and if its output
    stays the same this one does not run.
    """
    found, taken = states(project), times.taken(project)
    for state, stages, reason in grouped(found):
        print(f"{state:<6} {stages}{f': {reason}' if reason else ''}{beside(project, state, stages, taken)}")
    counts = [f"{sum(state == one for state, _ in found.values())} {one}" for one in (FRESH, STALE, AFTER)]
    due = sum(taken.get(stage, 0) for stage, (state, _) in found.items() if state != FRESH)
    print(", ".join(counts) + (f"; what is not fresh took {times.spoken(due)} when it last ran here" if due else ""))


def beside(project: Path, state: str, stages: str, taken: Mapping[str, float]) -> str:
    """How long stages of a line took, and the rows that they have: each is reused if what decided it is the same."""
    kind, _, items = stages.partition("@")
    names = [f"{kind}@{item}" for item in items.split(", ")] if items else [kind]
    said = [times.spoken(sum(taken.get(name, 0) for name in names))] if any(name in taken for name in names) else []
    if state != FRESH and (rows := sum(_rows(project, kind, name.rpartition("@")[2]) for name in names)):
        said.append(f"up to {rows:,} rows to reuse")
    return f" [{', '.join(said)}]" if said else ""


def _rows(project: Path, kind: str, item: str) -> int:
    """Rows of an output whose rows are kept by what decided them; 0 of others, and of what cannot be read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    at = project / KEPT[kind].format(*item.partition("-")[::2]) if kind in KEPT else project / "nothing"
    files = sorted(at.glob(part_files.PATTERN)) if at.is_dir() else [at]
    try:
        return sum(pq.ParquetFile(file).metadata.num_rows for file in files)
    except (OSError, pa.ArrowException):
        return 0


def states(project: Path) -> dict[str, tuple[str, str]]:
    """By stage, in the order of the pipeline: its state, and why."""
    from dvc.repo import Repo
    from networkx import dfs_postorder_nodes  # type: ignore[import-untyped]  # DVC's own

    if not (project / Repo.DVC_DIR).is_dir():
        raise StorageError(f"{project}: no DVC project, so no stage has run\n  `dvc init` makes it one")
    project = project.resolve()
    with chdir(project), Repo() as repo:  # in it, stages are called by their names alone
        graph, changed = repo.index.graph, repo.status()
        found: dict[str, tuple[str, str]] = {}
        values = _values(project)
        lock = project / why.LOCK
        text = lock.read_text(encoding="utf8") if lock.exists() else ""
        for stage in dfs_postorder_nodes(graph):  # what a stage reads comes before it
            name, makers = stage.addressing, [one for one in graph.successors(stage) if one.addressing != PROFILE]
            stale = [one for one in makers if found[one.addressing][0] != FRESH]
            theirs = [out.def_path for one in stale for out in one.outs]
            reasons = [*why.values(text, name, values), *_changes(changed.get(name, []), theirs)]
            if name == PROFILE:
                written = merging.in_force(project / merging.WRITTEN)
                reasons = reasons if written not in (None, values[merging.WRITTEN]) else []
            if reasons:
                more = f"; {len(reasons) - MOST} more" if len(reasons) > MOST else ""
                found[name] = STALE, "; ".join(reasons[:MOST]) + more
            else:
                kinds = dict.fromkeys(one.addressing.partition("@")[0] for one in stale)
                found[name] = (AFTER, ", ".join(kinds)) if stale else (FRESH, "")
    return found


def grouped(found: dict[str, tuple[str, str]]) -> Iterator[tuple[str, str, str]]:
    """Stages of one kind, state and reason together: `generate@iter1, iter2`, of which each one's path is `…/*`."""
    lines: dict[tuple[str, str, str], list[tuple[str, str]]] = {}
    for name, (state, reason) in found.items():
        kind, _, item = name.partition("@")
        alike = re.sub(rf"/{re.escape(item)}\b", "/*", reason) if item else reason
        lines.setdefault((state, kind, alike), []).append((item, reason))
    for (state, kind, alike), several in lines.items():
        items = ", ".join(item for item, _ in several)
        yield state, f"{kind}@{items}" if items else kind, alike if len(several) > 1 else several[0][1]


def _values(project: Path) -> dict[str, Any]:
    """params.yaml, and the values in force, which the stage `profile` may have to write yet."""
    wanted = params.project(project)
    text = (project / "params.yaml").read_bytes()
    return {
        "params.yaml": yaml_text.loaded(text, "params.yaml"),
        merging.WRITTEN: merging.merged(wanted.profile, project),
    }


def _changes(entries: list[Any], theirs: list[str]) -> list[str]:
    """What DVC found of a stage, apart from values, which `why` tells, and what stale stages make (`theirs`)."""
    found = []
    for entry in entries:
        if isinstance(entry, str):
            found.append(entry)
            continue
        for path, how in entry.get("changed deps", {}).items():
            if not isinstance(how, dict) and not any(_within(path, one) or _within(one, path) for one in theirs):
                found.append(f"{path} {how}")
        for path, how in entry.get("changed outs", {}).items():
            found.append(f"its {path} is {how}" if how == "modified" else "its output is absent")
    return list(dict.fromkeys(found))


def _within(path: str, folder: str) -> bool:
    return Path(path).is_relative_to(folder)
