"""One process at a time does a piece of work: a stage that outlives its killed `dvc` keeps a second one out."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rlhf_data.errors import StorageError


@contextmanager
def held(path: Path, what: str) -> Iterator[None]:
    """Holds the lock file at `path`; raises `StorageError`, naming the process, where another one does.

    The kernel lets go of it when the process ends, however it ends. Of several processes that were launched together,
    the first one holds it for all.
    """
    if not is_first():
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            process = file.read().strip()
            raise StorageError(
                f"{what} is being done by process {process}, perhaps of an earlier run that was killed\n"
                f"  wait for it to end, or stop it (`kill {process}`): rows that it finished are kept, and used"
            ) from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def is_first() -> bool:
    """Whether this process writes: it is alone, or the first of those that accelerate or torchrun launched together."""
    return os.environ.get("RANK", "0") == "0"
