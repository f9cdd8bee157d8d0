"""Why DVC runs a stage: what is there now against what dvc.lock says of its last run."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rlhf_data.params import merging, yaml_text
from rlhf_data.storage.revisions import md5_of

LOCK = "dvc.lock"
ENTRY = r"^  {}:\n((?:    .*\n)+)"  # of one stage, as DVC writes it
OUTPUTS = r"^    outs:\n((?:    - .*\n(?:      .*\n)*)+)"
OUTPUT = r"^    - path: (.+)\n      hash: md5\n      md5: (\S+)"
BESIDE = ("__pycache__", ".DS_Store", "Thumbs.db", "desktop.ini", ".ipynb_checkpoints")  # as .dvcignore has them
MOST = 6


def line(stage: str, arguments: Sequence[str], project: Path = Path()) -> str:
    """One line of reasons: values and inputs that changed, or that it has not run yet.

    Outputs of other stages are held against what dvc.lock says of those, so nothing large is read.
    """
    try:
        text = (project / LOCK).read_text(encoding="utf8")
        entry = _entry(text, stage)
        if entry is None:
            return f"{stage}: has not run yet"
        found = list(dict.fromkeys([*_values(entry, project), *_inputs(entry, text, project)]))
        if not found and entry["cmd"].split()[-len(arguments) :] != list(arguments):
            found = ["its command changed"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"{stage}: runs ({LOCK} does not tell why: {type(error).__name__})"
    more = [f"{len(found) - MOST} more"] if len(found) > MOST else []
    return f"{stage}: {'; '.join([*found[:MOST], *more]) or 'its outputs are absent or changed, or the run is forced'}"


def _entry(text: str, stage: str) -> Any:
    found = re.search(ENTRY.format(re.escape(stage)), text, re.MULTILINE)
    return yaml_text.loaded(found[0], LOCK)[stage] if found else None


def values(text: str, stage: str, files: dict[str, Any]) -> list[str]:
    """The values that differ from those of the stage's last run, by this text of dvc.lock; `files` by name."""
    entry = _entry(text, stage)
    return list(_moved(entry, files)) if entry else []


def _values(entry: dict[str, Any], project: Path) -> Iterator[str]:
    files = {file: yaml_text.loaded((project / file).read_bytes(), file) for file in entry.get("params", {})}
    return _moved(entry, files)


def _moved(entry: dict[str, Any], files: dict[str, Any]) -> Iterator[str]:
    for file, before in entry.get("params", {}).items():
        now = files[file]
        for key, value in before.items():
            found: Any = now
            for part in key.split("."):
                found = found.get(part) if isinstance(found, dict) else None
            yield from merging.moved(_named(key, value), _named(key, found))


def _named(key: str, value: Any) -> dict[str, Any]:
    for part in reversed(key.split(".")):
        value = {part: value}
    return dict(value)


def _inputs(entry: dict[str, Any], text: str, project: Path) -> Iterator[str]:
    made = dict(re.findall(OUTPUT, "".join(re.findall(OUTPUTS, text, re.MULTILINE)), re.MULTILINE))
    for dep in entry.get("deps", []):
        path = dep["path"]
        if path not in made and path.startswith("data/"):  # a part of what another stage makes
            continue
        if (made.get(path) or _hash(project / path)) != dep["md5"]:
            yield f"{path} changed"


def _hash(path: Path) -> str:
    """As DVC names a file, or a folder of code."""
    if path.is_dir():
        inside = [one for one in path.rglob("*") if one.is_file() and not {*one.parts} & {*BESIDE}]
        files = [{"md5": _hash(one), "relpath": one.relative_to(path).as_posix()} for one in inside]
        listed = json.dumps(sorted(files, key=lambda one: tuple(one["relpath"].split("/"))), sort_keys=True)
        return f"{hashlib.md5(listed.encode(), usedforsecurity=False).hexdigest()}.dir"
    return md5_of(path)
