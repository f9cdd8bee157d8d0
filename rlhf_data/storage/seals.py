"""The hash of a Parquet file's own bytes, in its footer: no bit that changed is read as another value.

The checksums that Parquet has itself are of pages; they leave out headers and the footer, and polars knows none. This
one is SHA-256 of the whole file, taken while zeros stand in its place. Files of others have none, and are read as they
are.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from pathlib import Path

from rlhf_data.errors import TableError

KEY = "rlhf_data:sha256"
BLANK = "0" * 64
METADATA = {KEY: BLANK}  # to write a file with, so that it has room for its seal
# As Thrift writes key and value; what follows in a footer is short
FOUND = re.compile(re.escape(KEY.encode()) + rb".{2}([0-9a-f]{64})", re.DOTALL)
TAIL = 4096
CHUNK = 2**20


def seal(path: Path) -> None:
    """Writes the hash of a file into it, where `METADATA` made room."""
    found, start = _found(path)
    with path.open("r+b") as file:
        file.seek(start)
        file.write(found[0].encode())


def refuse_changed(path: Path) -> None:
    """Raises `TableError` where a sealed file is not as it was written."""
    if path.is_file():
        stat = path.stat()
        _refuse_changed(path, stat.st_size, stat.st_mtime_ns, stat.st_ino)


@lru_cache(maxsize=4096)  # a table that is read in slices is hashed once
def _refuse_changed(path: Path, *_known_by: int) -> None:
    (whole, written), start = _found(path)
    if start and whole != written:
        raise TableError(
            f"{path}: damaged: its bytes are not those that were written\n"
            "  `rlhf-data verify` says where a good copy is; `dvc checkout --force` brings that of the cache"
        )


def _found(path: Path) -> tuple[tuple[str, str], int]:
    """The hash of a file with zeros for its seal, the one that it bears, and where that stands; 0 where it has none."""
    size = path.stat().st_size
    digest = hashlib.sha256()
    with path.open("rb") as file:
        start = max(0, size - TAIL)
        file.seek(start)
        tail = file.read()
        marks = list(FOUND.finditer(tail))
        if not marks:
            return ("", ""), 0
        file.seek(0)
        while start and (chunk := file.read(min(CHUNK, start))):
            digest.update(chunk)
            start -= len(chunk)
    at = marks[-1].start(1)
    digest.update(tail[:at] + BLANK.encode() + tail[at + len(BLANK) :])
    return (digest.hexdigest(), marks[-1][1].decode()), max(0, size - TAIL) + at
