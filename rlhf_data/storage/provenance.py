"""When, where and from what a page was made: date, commit, machine, and how long the stages ran."""

from __future__ import annotations

import os
import platform
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from rlhf_data.storage import git, times, why

GIB = 2**30


class Made(NamedTuple):
    """Each a few words; an empty one is unknown."""

    date: str
    commit: str
    machine: str
    took: str


def made(project: Path = Path()) -> Made:
    """What is known now, in the project's folder."""
    date = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    return Made(date, _commit(project), machine(), _took(project))


def _commit(project: Path) -> str:
    found = "".join(git.words(project, "rev-parse", "--short=10", "HEAD"))
    changed = git.words(project, "status", "--porcelain", "--untracked-files=no", "--", ".", ":!dvc.lock", ":!reports")
    return f"{found} and changes that are not committed" if found and changed else found


def machine() -> str:
    """Its processor, cores that may be used, memory and GPUs, as Linux tells; elsewhere what Python knows."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    name = re.search(r"^model name\s*:\s*(.+)$", _read("/proc/cpuinfo"), re.MULTILINE)
    memory = re.search(r"^MemTotal:\s*(\d+) kB$", _read("/proc/meminfo"), re.MULTILINE)
    known = [f"{name[1].strip() if name else platform.machine()}, {cores} {'core' if cores == 1 else 'cores'}"]
    known += [f"{int(memory[1]) * 1024 / GIB:.0f} GiB"] if memory else []
    gpus = [_read(path) for path in Path("/proc/driver/nvidia/gpus").glob("*/information")]
    models = [model[1].strip() for text in gpus if (model := re.search(r"^Model:\s*(.+)$", text, re.MULTILINE))]
    known += [f"{models.count(model)} × {model}" for model in dict.fromkeys(models)] or ["no GPU"]
    return ", ".join(known)


def _read(path: str | Path) -> str:
    try:
        return Path(path).read_text(encoding="utf8", errors="replace")
    except OSError:
        return ""


def _took(project: Path) -> str:
    """Of the stages that dvc.lock lists, but for the page's own: time of those that ran here, number of the others."""
    stages = [name for name in re.findall(r"^  (\S+):$", _read(project / why.LOCK), re.MULTILINE) if name != "report"]
    seconds = [taken[name] for taken in [times.taken(project)] for name in stages if name in taken]
    if not seconds:
        return ""
    others = len(stages) - len(seconds)
    return times.spoken(sum(seconds)) + (f", and {others} that did not run here" if others else "")
