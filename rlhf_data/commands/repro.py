"""`rlhf-data repro`: `dvc repro` with one line a stage."""

from __future__ import annotations

import logging
import sys
from typing import Annotated

import typer


def main(
    targets: Annotated[list[str] | None, typer.Argument(help="Stages, with what they need; all where none is.")] = None,
) -> None:
    """Run what changed, as `dvc repro` does: of DVC's own lines the warnings and errors, and a line of each stage."""
    raise typer.Exit(run(targets or []))


def run(targets: list[str]) -> int:
    """Runs these stages, or all where none is named; returns DVC's exit status."""
    import dvc.logger
    from dvc.cli import main as dvc

    for name in ("dvc", "dvc_data", "dvc_objects"):
        logging.getLogger(name).setLevel(logging.WARNING)  # `--quiet` would hide errors too
    arguments = ["repro", *targets]
    sys.argv = ["dvc", *arguments]  # which DVC reads, to say who holds a lock
    return int(dvc(arguments))
