"""Reading and writing the tables: checked against their schema, atomically, zstd-compressed.

A table is one Parquet file, or a folder of Parquet parts whose names give their order.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import dataframely as dy
import polars as pl

from rlhf_data.errors import TableError

JOURNAL = Path("data/.journal")  # unfinished work, outside every output

S = TypeVar("S", bound=dy.Schema)


def read(path: Path, schema: type[S]) -> dy.DataFrame[S]:
    """The table at `path`, every row checked.

    Raises `TableError` when it is absent, is not Parquet, lacks a column or breaks a rule.
    """
    parts = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if not parts or not parts[0].exists():
        raise TableError(f"{path}: no such table\n  `dvc repro` makes it, `dvc pull` fetches it")
    try:
        table = pl.concat([pl.read_parquet(part) for part in parts])
    except pl.exceptions.PolarsError as error:
        raise TableError(f"{path}: cannot be read as one Parquet table: {error}") from error
    return check(table, schema, path)


def write(table: pl.DataFrame, path: Path, schema: type[dy.Schema]) -> None:
    """Checks `table` and puts it at `path`, whole or not at all."""
    checked = check(table, schema, path)
    atomically(path, lambda partial: checked.write_parquet(partial, compression="zstd"))


def write_parts(parts: Mapping[str, pl.DataFrame], path: Path, schema: type[dy.Schema]) -> None:
    """Puts a folder of checked parts at `path`, whole or not at all; the key must be unique over all parts."""
    check(pl.concat(list(parts.values())), schema, path)

    def save(partial: Path) -> None:
        partial.mkdir()
        for name, part in parts.items():
            check(part, schema, path / name).write_parquet(partial / f"{name}.parquet", compression="zstd")

    atomically(path, save)


def check(table: pl.DataFrame, schema: type[S], path: Path) -> dy.DataFrame[S]:
    """`table` in the schema's column order, or a `TableError` that counts the broken rows of each rule."""
    columns = schema.column_names()
    missing, unknown = set(columns) - set(table.columns), set(table.columns) - set(columns)
    if missing or unknown:
        raise TableError(
            f"{path}: not a valid {schema.__name__} table ({table.height} rows)"
            + "".join(f"\n  column {name} is missing" for name in sorted(missing))
            + "".join(f"\n  column {name} is unknown" for name in sorted(unknown))
        )
    try:
        good, failure = schema.filter(table.select(columns), cast=True)
    except (dy.exc.SchemaError, pl.exceptions.PolarsError) as error:
        raise TableError(f"{path}: not a valid {schema.__name__} table: {error}") from error
    if broken := failure.counts():
        lines = "".join(f"\n  {rule}: broken by {rows} of {table.height} rows" for rule, rows in broken.items())
        raise TableError(f"{path}: not a valid {schema.__name__} table{lines}")
    return good


def read_parts(path: Path, schema: type[dy.Schema]) -> dict[str, pl.DataFrame]:
    """A folder's parts by name, each checked."""
    return {part.stem: read(part, schema) for part in sorted(path.glob("*.parquet"))}


def write_csv(table: pl.DataFrame, path: Path) -> None:
    """A small report: a curve or a count, for Git and for DVC's plots."""
    atomically(path, table.write_csv)


def write_json(values: dict[str, Any], path: Path) -> None:
    """A small report: one policy's or one step's figures, for Git and for DVC's metrics."""
    atomically(path, lambda partial: partial.write_text(json.dumps(values, indent=2, allow_nan=False) + "\n"))


def atomically(path: Path, save: Callable[[Path], Any]) -> None:
    """Lets `save` write a file or folder beside `path`, then renames it into place."""
    partial = path.with_name(f".{path.name}.partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove(partial)
    try:
        save(partial)
        _remove(path) if path.is_dir() else None
        os.replace(partial, path)
    except BaseException:
        _remove(partial)
        raise


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
