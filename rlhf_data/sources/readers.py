r"""Streaming readers for source files: JSON lines, a JSON array, CSV or Parquet → raw records, one at a time.

    pairs.jsonl.gz: {"chosen": "\n\nHuman: Hi.\n\nAssistant: Hello!", "rejected": "\n\nHuman: …"}
    →  {"chosen": "\n\nHuman: Hi.\n\nAssistant: Hello!", "rejected": "\n\nHuman: …"}

A record is the content of one line, array item or row; `sources/formats/` parses it. A file that cannot be read to its
end raises `SourceError`, so that no source is ingested in part. No file is held in memory as a whole.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import sys
import zlib
from collections.abc import Iterator
from io import TextIOWrapper
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from pyarrow import ArrowException, parquet

from rlhf_data.errors import SourceError
from rlhf_data.params.cleaning import ContaminationParams
from rlhf_data.sources import json_arrays

BOM = "\ufeff"  # byte order mark: some editors on Windows begin a UTF-8 file with it
BATCH = 1000  # rows of a Parquet file per read


class Pinned(Protocol):
    """The params of a source that is read from files."""

    @property
    def path(self) -> str | None:
        """A file, or a glob pattern, relative to the root."""

    @property
    def sha256(self) -> str | None:
        """The hash that the content must have, if pinned."""


def records(path: Path) -> Iterator[object]:
    """The raw records of the file `path`, in order; its suffix decides the format.

    Raises `SourceError`: at the call for an absent file or an unknown suffix, during iteration for broken content.
    """
    suffix = path.name.lower().removesuffix(".gz").rpartition(".")[2]
    zipped = path.name.lower().endswith(".gz")
    readers = {"jsonl": _json_lines, "json": _json_array, "csv": _csv_rows, "parquet": _parquet_rows}
    if suffix not in readers or (zipped and suffix == "parquet"):
        raise SourceError(
            f"{path}: unknown suffix\n  sources are .jsonl, .json and .csv, each also with .gz, and .parquet"
        )
    _check_present(path)
    return _guarded(path, readers[suffix](path))


def sha256(path: Path) -> str:
    """The SHA-256 of the file's bytes (of a .gz, compressed), in hexadecimal; raises `SourceError` if it is absent."""
    _check_present(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_present(path: Path) -> None:
    if not path.exists():
        raise SourceError(f"{path}: absent\n  fetch it, or correct `ingest.root` or the source's `path` in the params")
    if not path.is_file():
        raise SourceError(f"{path}: not a file\n  a source's `path` names one file")


def _guarded(path: Path, content: Iterator[object]) -> Iterator[object]:
    read = 0
    try:
        for record in content:
            read += 1
            yield record
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise SourceError(
            f"{path}: broken gzip after {read} records: {error}\n  it was cut short, or is no gzip: fetch it again"
        ) from error
    except UnicodeDecodeError as error:
        raise SourceError(f"{path}: not UTF-8 after {read} records: {error}\n  convert it to UTF-8") from error
    except RecursionError as error:
        raise SourceError(
            f"{path}: nested too deeply after {read} records\n  no known source is: is it the right file?"
        ) from error
    if not read:
        raise SourceError(f"{path}: empty, no records\n  fetch it again, or take the source out of the params")


def _open(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path)) if path.name.lower().endswith(".gz") else path.open("rb")


def _json_lines(path: Path) -> Iterator[object]:
    with _open(path) as file:
        for number, line in enumerate(file, start=1):
            text = line.decode().removeprefix(BOM)
            if not text.strip():
                continue  # a blank line is not a record: many writers end a file with one
            try:
                yield json.loads(text)
            except ValueError as error:  # not only JSONDecodeError: a number of thousands of digits raises ValueError
                raise SourceError(
                    f"{path}: line {number} is not JSON: {error}\n"
                    "  .jsonl has one record per line; a file that is one array is named .json"
                ) from error


def _json_array(path: Path) -> Iterator[object]:
    with _open(path) as file, TextIOWrapper(file, encoding="utf-8-sig", newline="") as text:
        try:
            yield from json_arrays.items(text)
        except json_arrays.ArrayError as error:
            raise SourceError(
                f"{path}: not a JSON array after {error.read} records: {error}\n"
                "  .json is one array of records; a file with one record per line is named .jsonl"
            ) from error


def _csv_rows(path: Path) -> Iterator[object]:
    csv.field_size_limit(sys.maxsize)  # some responses exceed the default of 128 KiB
    with _open(path) as file:
        # split into lines before decoding, so that csv sees quoted newlines unchanged
        lines = (line.decode().removeprefix(BOM if number == 0 else "") for number, line in enumerate(file))
        rows = csv.reader(lines, strict=True)
        try:
            header = next(rows, [])
            for values in rows:
                if not values:
                    continue  # a blank line
                if len(values) != len(header):
                    raise SourceError(
                        f"{path}: line {rows.line_num} has {len(values)} fields, the header has {len(header)}\n"
                        "  is a quote or a comma missing there?"
                    )
                yield dict(zip(header, values, strict=True))
        except csv.Error as error:
            raise SourceError(f"{path}: line {rows.line_num} is not CSV: {error}\n  was it cut short?") from error


def _parquet_rows(path: Path) -> Iterator[object]:
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(BATCH):
                yield from batch.to_pylist()
    except ArrowException as error:
        raise SourceError(f"{path}: not Parquet: {error}\n  was it cut short? fetch it again") from error


def pinned(root: Path, source: Pinned) -> Iterator[object]:
    """The records of a source's files, whose content is first checked against the pinned SHA-256, if there is one.

    A `path` with a * matches several files, which are read in the order of their names; their pin is the hash of their
    hashes, one per line. Raises `SourceError` where no file matches, or the hash differs from the pin.
    """
    pattern = str(source.path)
    path = root / pattern
    paths = sorted(root.glob(pattern)) if "*" in pattern else [path]
    if not paths:
        raise SourceError(f"{path}: no such file\n  correct `ingest.root` or the source's `path` in the params")
    for file in paths:
        _check_present(file)
    if source.sha256 is not None:
        actual = sha256(path) if paths == [path] else _sha256_of_several(paths)
        if source.sha256 != actual:
            raise SourceError(
                f"{path}: not the file that was pinned\n  its sha256 is {actual}\n  the params say {source.sha256}\n"
                "  fetch that version again, or accept this one by putting its hash into the params"
            )
    return chain.from_iterable(records(file) for file in paths)


def evaluation_sets(section: ContaminationParams) -> dict[str, Iterator[object]]:
    """The raw records of each evaluation set, by name; raises `SourceError` as `pinned` does."""
    return {name: pinned(Path(section.root), source) for name, source in section.sets.items()}


def _sha256_of_several(paths: list[Path]) -> str:
    return hashlib.sha256("".join(f"{sha256(path)}\n" for path in paths).encode()).hexdigest()
