"""`rlhf-data status`: the pipeline in some thirty lines: what is fresh, what `dvc repro` would run, and why."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rlhf_data import params
from rlhf_data.commands.projects import Project
from rlhf_data.errors import StorageError
from rlhf_data.params import merging, yaml_text
from rlhf_data.storage import why

PROFILE = "profile"  # the stage that writes the values in force, which are known without it
FRESH, STALE, AFTER = "fresh", "stale", "after"
MOST = 3  # reasons that are said


def main(project: Project) -> None:
    """Tell which stages are fresh, which ones `dvc repro` would run, and why; nothing runs.

    stale: values, inputs or outputs are not those of the last run. after: an earlier stage is stale, and if its output
    stays the same this one does not run.
    """
    found = states(project)
    for state, stages, reason in grouped(found):
        print(f"{state:<6} {stages}{f': {reason}' if reason else ''}")
    counts = [f"{sum(state == one for state, _ in found.values())} {one}" for one in (FRESH, STALE, AFTER)]
    print(", ".join(counts))


def states(project: Path) -> dict[str, tuple[str, str]]:
    """By stage, in the order of the pipeline: its state, and why."""
    from dvc.repo import Repo
    from networkx import dfs_postorder_nodes  # type: ignore[import-untyped]  # DVC's own

    if not (project / Repo.DVC_DIR).is_dir():
        raise StorageError(f"{project}: no DVC project, so no stage has run\n  `dvc init` makes it one")
    with Repo(str(project)) as repo:
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
