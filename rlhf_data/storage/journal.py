"""Rows that cost hours are computed once: others come from the table's previous version, or from an interrupted run.

A journal is a folder of finished rows outside every output, `data/.journal/<table>-<name>-<job>/`. Its parts bear the
hash of their bytes as names, so that a damaged one is never used. It goes when DVC holds the output (`finished.py`).
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import dataframely as dy
import polars as pl

from rlhf_data import notes
from rlhf_data.errors import TableError
from rlhf_data.storage import finished, locks, part_files, previous
from rlhf_data.storage.atomic import atomically

# Unfinished work, outside every output; of the project itself where DVC runs an experiment in a copy that it deletes
FOLDER = "data/.journal"
JOURNAL = Path(os.path.relpath(os.environ.get("DVC_ROOT", "."))) / FOLDER

SCRATCH = "scratch"  # in a journal, of no worth later: copies of the table's previous version, files of a library
KEYS = ["low", "high"]  # hash of what decides a row
PLACES = {"file": pl.UInt32, "place": pl.UInt32}


@contextmanager
def folder(name: str, job: str, *, of: Path, keep: bool = True) -> Iterator[Path]:
    """A folder for work on the output `of`, which must be there when the block ends.

    It stays until DVC holds that output, and goes with one of the next stages that has work of its own, or with
    `rlhf-data clean`; at once without `keep`, or outside any DVC project. Raises `StorageError` where another process
    does the same work.
    """
    path = JOURNAL / f"{name}-{job}"
    if locks.is_first():
        finished.clean(JOURNAL)
    with locks.held(path.with_suffix(".lock"), f"the work on {of}"):
        yield path
        if not locks.is_first():
            return
        shutil.rmtree(path / SCRATCH, ignore_errors=True)
        if keep and Path(".dvc").is_dir() and path.is_dir() and any(path.iterdir()):
            finished.record(path, of)
        else:
            shutil.rmtree(path, ignore_errors=True)


@contextmanager
def opened(
    out: Path, schema: type[dy.Schema], *, job: str, on: Sequence[str], values: Sequence[str], fresh: bool
) -> Iterator[Rows]:
    """What is finished of the table at `out`: of each row the columns that decide it (`on`), and those computed.

    With `fresh`, rows of the previous version are not used, nor those of an interrupted run that was not fresh. When
    the block ends well, the table is there. Raises `StorageError` where another process does the
    same work, or a remote with the previous version cannot be reached.
    """
    parts = out.with_suffix("").parts
    name = "-".join(parts[parts.index("data") + 1 :] if "data" in parts else parts[-2:])
    with folder(name, f"{job}-fresh" if fresh else job, of=out, keep=not fresh) as path:
        if fresh:
            notes.say(f"{out}: fresh: true, so rows of its previous version are computed anew")
        rows = Rows(path, schema, on=on, values=values)
        for earlier in [] if fresh else previous.fetch(out, path / SCRATCH):
            rows.reuse(earlier)
        for part in part_files.of(path):
            rows.recover(part)
        yield rows


class Rows:
    """The finished rows of one table, in files; memory holds a hash of what decides a row, and its position."""

    def __init__(self, folder: Path, schema: type[dy.Schema], *, on: Sequence[str], values: Sequence[str]) -> None:
        self.scratch = folder / SCRATCH
        self._folder = folder
        types = schema.create_empty().schema
        self._on = pl.Schema({name: types[name] for name in on})
        self._values = pl.Schema({name: types[name] for name in values})
        self._columns = pl.Schema({**self._on, **self._values})
        self._files: list[Path] = []
        self._reused: set[int] = set()  # files of the previous version; the others are the journal's
        self._index = pl.DataFrame(schema={**dict.fromkeys(KEYS, pl.UInt64), **PLACES})

    def missing(self, wanted: pl.DataFrame) -> pl.DataFrame:
        """The wanted rows that are not finished, one per fingerprint and key; prints the counts."""
        distinct = wanted.with_columns(self._keys(wanted)).unique(KEYS, keep="first", maintain_order=True)
        placed = distinct.join(self._index, on=KEYS, how="left", maintain_order="left")
        left = placed.filter(pl.col("file").is_null()).drop(*KEYS, *PLACES)
        reused = placed["file"].is_in(list(self._reused)).sum()
        alike = f" ({distinct.height} distinct)" if distinct.height < wanted.height else ""
        notes.say(
            f"{self._folder.name}: {wanted.height} rows wanted{alike}: {reused} from the previous version, "
            f"{distinct.height - left.height - reused} from an interrupted run, {left.height} to compute"
        )
        return left

    def keep(self, computed: Iterable[pl.DataFrame]) -> None:
        """Journals computed rows, part by part as they come."""
        for part in computed:
            buffer = io.BytesIO()
            part.select(*self._columns).cast(self._columns).write_parquet(buffer, compression="zstd")
            self._add(_saved(buffer.getvalue(), self._folder))

    def fill(self, wanted: pl.DataFrame) -> pl.DataFrame:
        """The wanted rows, in their order, with their `values`; raises `TableError` where one is not finished."""
        placed = self._keys(wanted).join(self._index, on=KEYS, how="left", validate="m:1", maintain_order="left")
        if absent := placed["file"].null_count():
            raise TableError(f"{absent} of {wanted.height} rows were not computed\n  `dvc repro` goes on with them")
        ordered = placed.with_row_index("order")
        found = [
            part.select("order").hstack(self._read(self._files[file], self._values)[part["place"]])
            for (file,), part in ordered.partition_by("file", as_dict=True).items()
        ]
        empty = ordered.select("order").clear().hstack(pl.DataFrame(schema=self._values))
        return wanted.hstack(pl.concat([empty, *found]).sort("order").drop("order"))

    def reuse(self, path: Path) -> None:
        """Takes in the rows of a file of the previous version."""
        self._reused.add(len(self._files))
        self._add(path)

    def recover(self, path: Path) -> None:
        """Takes in the rows of a part that an interrupted run left, unless it is damaged."""
        if hashlib.sha256(path.read_bytes()).hexdigest() == path.stem:
            self._add(path)
        else:
            notes.say(f"{path}: damaged; its rows are computed again")
            path.unlink()

    def _add(self, path: Path) -> None:
        """Takes in the rows of a file that no earlier file holds."""
        try:
            rows = self._read(path, self._columns)
        except pl.exceptions.PolarsError as error:  # written by another version of this package
            notes.say(f"{path}: rows of another layout, not used: {str(error).splitlines()[0]}")
            return
        file = pl.lit(len(self._files), dtype=pl.UInt32)
        new = (
            self._keys(rows)
            .with_columns(file=file, place=pl.int_range(pl.len(), dtype=pl.UInt32))
            .unique(KEYS, keep="first", maintain_order=True)
            .join(self._index, on=KEYS, how="anti", maintain_order="left")
        )
        self._files.append(path)
        self._index = pl.concat([self._index, new])

    def _keys(self, rows: pl.DataFrame) -> pl.DataFrame:
        # 128 bits, computed anew in every run: polars may hash otherwise tomorrow
        decides = pl.struct(*self._on)
        return rows.select(*self._on).cast(self._on).select(low=decides.hash(0), high=decides.hash(1))

    def _read(self, path: Path, columns: pl.Schema) -> pl.DataFrame:
        return pl.read_parquet(path, columns=columns.names()).cast(columns)


def _saved(content: bytes, folder: Path) -> Path:
    path = folder / f"{hashlib.sha256(content).hexdigest()}.parquet"
    atomically(path, lambda partial: partial.write_bytes(content))
    return path
