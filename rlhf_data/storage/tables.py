"""Parquet tables, read and written: checked against their schema, atomically, zstd-compressed.

A table is one Parquet file, or a folder of Parquet parts whose names give their order.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import dataframely as dy
import polars as pl

from rlhf_data.errors import TableError
from rlhf_data.storage import part_files, seals
from rlhf_data.storage.atomic import atomically

S = TypeVar("S", bound=dy.Schema)


def read(path: Path, schema: type[S], *, rows: slice = slice(None)) -> dy.DataFrame[S]:
    """The table at `path`, or some of its rows, each checked.

    Raises `TableError` when it is absent, damaged, is not Parquet, lacks a column or breaks a rule.
    """
    files = _files(path)
    for part in files:
        seals.refuse_changed(part)
    try:
        table = pl.concat([pl.scan_parquet(part) for part in files])[rows].collect()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise TableError(f"{path}: cannot be read as one Parquet table: {error}") from error
    return check(table, schema, path)


def batches(path: Path, schema: type[dy.Schema], *, rows: int) -> Iterator[pl.DataFrame]:
    """The table's part files in order, each checked and whole, as many at a time as hold about `rows` rows.

    Raises `TableError` as `read` does, and where a key is twice among them.
    """
    waiting: list[pl.DataFrame] = []
    for part in _files(path):
        waiting.append(read(part, schema))
        if sum(one.height for one in waiting) >= rows:
            yield _joined(waiting, schema, path)
            waiting = []
    if waiting:
        yield _joined(waiting, schema, path)


def side_by_side(
    left: tuple[Path, type[dy.Schema]], right: tuple[Path, type[dy.Schema]], *, rows: int
) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """The `batches` of one table, each with as many rows of another: theirs, where it was written in the same order.

    What is left over of the other comes last, beside no rows.
    """
    start = 0
    part: pl.DataFrame = left[1].create_empty()
    for part in batches(*left, rows=rows):
        yield part, read(*right, rows=slice(start, start + part.height))
        start += part.height
    yield part.clear(), read(*right, rows=slice(start, None))


def _joined(parts: list[pl.DataFrame], schema: type[dy.Schema], path: Path) -> pl.DataFrame:
    table = pl.concat(parts)
    _refuse_repeated(table.select(schema.primary_key()), schema, path)
    return table


def _refuse_repeated(keys: pl.DataFrame, schema: type[dy.Schema], path: Path) -> None:
    if repeated := keys.is_duplicated().sum():
        raise TableError(
            f"{path}: not a valid {schema.__name__} table ({keys.height} rows)\n"
            f"  {', '.join(schema.primary_key())} is unique over all parts: broken by {repeated} rows"
        )


def _files(path: Path) -> list[Path]:
    found = part_files.of(path) if path.is_dir() else [path]
    if not found or not found[0].exists():
        raise TableError(f"{path}: no such table\n  `dvc repro` makes it, `dvc pull` fetches it")
    return found


def write(table: pl.DataFrame, path: Path, schema: type[dy.Schema]) -> None:
    """Checks `table` and puts it at `path`, whole or not at all."""
    checked = check(table, schema, path)
    atomically(path, lambda partial: to_parquet(checked, partial))


def to_parquet(table: pl.DataFrame, path: Path) -> None:
    """The same bytes for the same rows, whatever chunks polars made: their number follows its threads; sealed."""
    table.rechunk().write_parquet(path, compression="zstd", metadata=seals.METADATA)
    seals.seal(path)


def write_parts(
    parts: Iterable[tuple[str, pl.DataFrame]], path: Path, schema: type[dy.Schema], *, after: Path | None = None
) -> None:
    """Puts a folder of checked parts at `path`, whole or not at all; one part is in memory at a time.

    With `after`, a folder of parts, those come first: checked too, and copied byte for byte. The key must be unique
    over all parts.
    """

    def save(partial: Path) -> None:
        partial.mkdir()
        keys = []
        for earlier in part_files.of(after) if after else []:
            keys.append(read(earlier, schema).select(schema.primary_key()))
            shutil.copyfile(earlier, partial / earlier.name)
        for name, part in parts:
            checked = check(part, schema, path / name)
            to_parquet(checked, partial / f"{name}.parquet")
            keys.append(checked.select(schema.primary_key()))
        if keys:
            _refuse_repeated(pl.concat(keys), schema, path)

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
        table = table.select(columns)
        _refuse_changed(table, schema, path)
        good, failure = schema.filter(table, cast=True)
    except (dy.exc.SchemaError, pl.exceptions.PolarsError) as error:
        raise TableError(f"{path}: not a valid {schema.__name__} table: {error}") from error
    if broken := failure.counts():
        lines = "".join(f"\n  {rule}: broken by {rows} of {table.height} rows" for rule, rows in broken.items())
        raise TableError(f"{path}: not a valid {schema.__name__} table{lines}")
    return good


def _refuse_changed(table: pl.DataFrame, schema: type[dy.Schema], path: Path) -> None:
    """Raises `TableError` where a number would become another in the schema's type, as 1.5 does among integers.

    Digits that a type has no room for (Float64 to Float32) are no other number; what cannot be cast the schema tells.
    """
    for name, kind in schema.create_empty().schema.items():
        column = table[name]
        if column.dtype == kind or not (column.dtype.is_numeric() and kind.is_numeric()):
            continue
        cast = column.cast(kind, strict=False)
        other = cast.is_infinite() & column.is_finite() if kind.is_float() else cast.cast(column.dtype) != column
        if changed := other.sum():
            raise TableError(
                f"{path}: not a valid {schema.__name__} table\n"
                f"  {name}: {changed} of {table.height} values cannot be held as {kind}"
            )


def read_parts(path: Path, schema: type[dy.Schema]) -> dict[str, pl.DataFrame]:
    """A folder's parts by name, each checked."""
    return {part.stem: read(part, schema) for part in part_files.of(path)}
