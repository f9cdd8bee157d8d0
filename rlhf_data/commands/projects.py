"""Where a subcommand finds its project: `--project`, or the nearest folder upwards that holds dvc.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
