"""Where a subcommand finds its project, and where it may write.

`--project` names it, or it is the nearest folder upwards that holds dvc.yaml.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from rlhf_data.errors import StorageError
from rlhf_data.project import named, nearest

Project = Annotated[
    Path,
    typer.Option(
        "--project",
        default_factory=nearest,
        callback=named,
        show_default="the nearest folder upwards with dvc.yaml",
        help="The project's folder.",
    ),
]

STAGES_ALONE = (
    "data",
    ".dvc",
    ".git",
)  # of a project: what a command put there, stages or DVC would take for theirs


def refuse_unless_new(path: Path, project: Path | None = None) -> None:
    """Raises `StorageError` where something is at `path`, or where it lies among the tables of `project`."""
    if os.path.lexists(path):
        raise StorageError(f"{path}: exists\n  name a new one, or remove it")
    place = path.resolve()
    if project and any((project / name).resolve() in place.parents for name in STAGES_ALONE):
        raise StorageError(f"{path}: is among the project's tables, which stages alone write\n  name one elsewhere")
