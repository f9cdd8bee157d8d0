r"""A source's file → its raw records, one at a time: JSON lines, one JSON array, CSV or Parquet.

    pairs.jsonl.gz: {"chosen": "\n\nHuman: Hi.\n\nAssistant: Hello!", "rejected": "\n\nHuman: …"}
    →  {"chosen": "\n\nHuman: Hi.\n\nAssistant: Hello!", "rejected": "\n\nHuman: …"}

A record is whatever its line, array item or row holds; `sources/` says which layouts can be used. A file that
cannot be read to its end is a `SourceError`: half of a source is not a source. No file is ever held whole.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator
from io import TextIOWrapper
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from rlhf_data import hashing
from rlhf_data.errors import SourceError
from rlhf_data.params.cleaning import ContaminationParams
from rlhf_data.sources import json_arrays, parquet_rows

BOM = "\ufeff"  # some editors on Windows put it at the head of a UTF-8 file
LONGEST = 2**24  # bytes of a line


class Pinned(Protocol):
    """What params say of a source's files."""

    @property
    def path(self) -> str | None:
        """A file or a pattern below the root."""

    @property
    def sha256(self) -> str | None:
        """The hash that its content must have, if any."""


def records(path: Path) -> Iterator[object]:
    """The raw records of `path`, in the file's order; its suffix names the format.

    Raises `SourceError` at once for an absent file or an unknown suffix, and on the way for the rest.
    """
    suffix = path.name.lower().removesuffix(".gz").rpartition(".")[2]
    zipped = path.name.lower().endswith(".gz")
    readers = {
        **dict.fromkeys(("jsonl", "ndjson"), _json_lines),
        **{"json": _json_array, "parquet": parquet_rows.records},
        **dict.fromkeys(("csv", "tsv"), _csv_rows),
    }
    if suffix not in readers or (zipped and suffix == "parquet"):
        raise SourceError(
            f"{path}: unknown suffix\n  sources are .jsonl, .ndjson, .json, .csv, .tsv, all also with .gz, and .parquet"
        )
    _check_present(path)
    return _guarded(path, readers[suffix](path))


def sha256(path: Path) -> str:
    """The hash of the file as it lies there (of a .gz, still compressed), in hexadecimal."""
    _check_present(path)
    return hashing.sha256(path)


def _check_present(path: Path) -> None:
    if not path.exists():
        raise SourceError(f"{path}: absent\n  fetch it, or correct `ingest.root` or the source's `path` in the params")
    if not path.is_file():
        raise SourceError(f"{path}: not a file\n  a source's `path` names one file")


def _guarded(path: Path, found: Iterator[object]) -> Iterator[object]:
    read = 0
    try:
        for record in found:
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


def _lines(file: BinaryIO, path: Path) -> Iterator[bytes]:
    number = 0
    while line := file.readline(LONGEST):
        number += 1
        if len(line) == LONGEST:
            raise SourceError(f"{path}: line {number} is longer than {LONGEST // 2**20} MiB\n  is it the right file?")
        yield line


def _json_lines(path: Path) -> Iterator[object]:
    with _open(path) as file:
        for number, line in enumerate(_lines(file, path), start=1):
            text = line.decode().removeprefix(BOM)
            if not text.strip():
                continue  # blank lines are no records: many writers end a file with one
            try:
                yield json.loads(text)
            except ValueError as error:  # also a number of thousands of digits, which is no JSONDecodeError
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
    csv.field_size_limit(LONGEST)  # the default, 128 KiB, is less than some responses
    with _open(path) as file:
        # lines are split before they are decoded, so that csv sees quoted newlines as they are
        lines = (
            line.decode().removeprefix(BOM if number == 0 else "") for number, line in enumerate(_lines(file, path))
        )
        first = next(lines, "")
        rows = csv.reader(chain([first], lines), strict=True, delimiter=_delimiter(first))
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
            cure = "its lines end in CR alone: write it anew" if "\r" in first.strip() else "was it cut short?"
            said = str(error).split(" - ")[0]
            raise SourceError(f"{path}: line {rows.line_num} is not CSV: {said}\n  {cure}") from error


def _delimiter(header: str) -> str:
    """What stands between the names: a tab, or the semicolon of spreadsheets where the comma is a decimal point."""
    return max(",;\t", key=lambda one: (header.count(one), one == ","))


def pinned(root: Path, source: Pinned) -> Iterator[object]:
    """The records of a source's files, after their content was checked against the pin, where there is one.

    A `path` with a * names several files, which are read in the order of their names; their pin is the hash of their
    hashes, each on a line. Raises `SourceError` where there is no file, or another than the one that was pinned.
    """
    pattern = str(source.path)
    path = root / pattern
    # a pattern may start from the file system's root, which `glob` takes from that root alone
    place = Path(path.anchor) if Path(pattern).is_absolute() else root
    paths = sorted(place.glob(pattern.removeprefix(place.anchor))) if "*" in pattern else [path]
    if not paths:
        raise SourceError(f"{path}: no such file\n  correct `ingest.root` or the source's `path` in the params")
    for one in paths:
        _check_present(one)
    if source.sha256 is not None:
        found = sha256(path) if paths == [path] else _sha256_of_several(paths)
        if source.sha256 != found:
            raise SourceError(
                f"{path}: not the file that was pinned\n  its sha256 is {found}\n  the params say {source.sha256}\n"
                "  fetch that version again, or accept this one by putting its hash into the params"
            )
    return chain.from_iterable(records(one) for one in paths)


def evaluation_sets(section: ContaminationParams) -> dict[str, Iterator[object]]:
    """The raw records of each evaluation set, by its name; raises `SourceError` as `pinned` does."""
    return {name: pinned(Path(section.root), one) for name, one in section.sets.items()}


def _sha256_of_several(paths: list[Path]) -> str:
    return hashlib.sha256("".join(f"{sha256(path)}\n" for path in paths).encode()).hexdigest()
