"""The only files that a person's SQL can see: a DuckDB file system of a project's tables, which are opened to be read.

DuckDB's own file system is turned off for such a connection, so there is nothing through which a statement could write,
whatever its form. (DuckDB's `allowed_paths` alone would not do: what it lets be read, it lets be written.)
"""

from __future__ import annotations

import mmap
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fsspec import AbstractFileSystem

PROTOCOL = "tables"


def url(path: str) -> str:
    """How a connection that has `Tables` names a file."""
    return f"{PROTOCOL}://{path}"


class Tables(AbstractFileSystem):  # type: ignore[misc]
    """The files of `paths`, and no other; none can be opened but to read.

    DuckDB asks what fsspec's interface says: `glob` takes each name as it is, so a path may hold any character.
    """

    protocol = PROTOCOL
    cachable = False  # fsspec would keep an instance, and so its paths, for other connections

    def __init__(self, paths: set[str]) -> None:
        """A file system of the files `paths`, absolute, as they are found when they are opened."""
        super().__init__()
        self._paths = paths

    def open(self, path: str, mode: str = "rb", **options: Any) -> mmap.mmap:  # fsspec's signature
        """A file's bytes; raises `PermissionError` for another file, and for any mode but reading.

        Mapped to memory: DuckDB seeks and reads in two calls, between which a file object would let other threads in.
        """
        if mode != "rb":
            raise PermissionError(f"{path}: tables are written by stages alone")
        with self._own(path).open("rb") as file:
            if not os.fstat(file.fileno()).st_size:
                raise OSError(f"{path}: an empty file is no table")
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def info(self, path: str, **options: Any) -> dict[str, Any]:
        """A file's size in bytes."""
        return {"name": path, "size": self._own(path).stat().st_size, "type": "file"}

    def modified(self, path: str) -> datetime:
        """When a file was last written."""
        return datetime.fromtimestamp(self._own(path).stat().st_mtime, UTC)

    def exists(self, path: str, **options: Any) -> bool:
        """Whether it is one of the files."""
        return self._strip_protocol(path) in self._paths

    def isfile(self, path: str) -> bool:
        """Whether it is one of the files."""
        return self.exists(path)

    def glob(self, path: str, maxdepth: int | None = None, **options: Any) -> list[str]:
        """The file of that very name, if it is one of them."""
        return [path] if self.exists(path) else []

    def _own(self, path: str) -> Path:
        name = self._strip_protocol(path)
        if name not in self._paths:
            raise PermissionError(f"{path}: only the project's own tables are read here")
        return Path(name)
