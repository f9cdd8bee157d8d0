"""Small reports of stages, for Git and for DVC's metrics and plots: written, and read back."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl

from rlhf_data.errors import TableError
from rlhf_data.storage.atomic import atomically

ABSENT = "no such report\n  `dvc repro` makes it"


def write_csv(table: pl.DataFrame, path: Path) -> None:
    """A small report: a curve or a count, for Git and for DVC's plots."""
    atomically(path, table.write_csv)


def write_json(values: dict[str, Any], path: Path) -> None:
    """A small report: one policy's or one step's figures, for Git and for DVC's metrics."""
    atomically(path, lambda partial: partial.write_text(json.dumps(values, indent=2, allow_nan=False) + "\n"))


def figures(folder: Path, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """`<folder>/<name>.json` of each name; raises `TableError` where one is absent."""
    return {name: figure(folder / f"{name}.json") for name in names}


def figure(path: Path) -> dict[str, Any]:
    """A small report of another stage."""
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf8"))
    except FileNotFoundError as error:
        raise TableError(f"{path}: {ABSENT}") from error
    except ValueError as error:
        raise TableError(f"{path}: not JSON: {error}") from error
    return found


def curves(folder: Path, names: Iterable[str]) -> dict[str, pl.DataFrame]:
    """`<folder>/<name>.csv` of each name; raises `TableError` where one is absent."""
    return {name: curve(folder / f"{name}.csv") for name in names}


def curve(path: Path) -> pl.DataFrame:
    """A small table of another stage: a training's log, or counts."""
    try:
        # all rows decide a column's type: the first ones of a log may lack a measure
        return pl.read_csv(path, infer_schema_length=None)
    except FileNotFoundError as error:
        raise TableError(f"{path}: {ABSENT}") from error
    except pl.exceptions.PolarsError as error:
        raise TableError(f"{path}: not CSV: {error}") from error
