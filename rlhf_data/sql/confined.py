"""A person's SQL in a child process: the second wall around it (Landlock), and limits that hold.

The first wall is that DuckDB has no file system but `read_only.Tables`. This one holds where DuckDB itself is at fault:
the child can write no file, and takes neither more memory nor more time than it is given.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import time
from collections.abc import Callable
from math import inf
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal, TypeVar

from rlhf_data.errors import TableError

Result = TypeVar("Result")
ASK = 0.1  # seconds between two looks whether a child shall be ended


def lacking() -> str:
    """Why this system has no second wall; empty where it has."""
    if sys.platform != "linux":
        return f"Landlock is Linux's, and this is {sys.platform}"
    import landlock

    try:
        landlock.landlock_abi_version()
    except landlock.LandlockError as error:
        return "; ".join(str(error).splitlines())
    return ""


def restrict(scratch: Path) -> None:
    """Takes from this thread, and from those that it starts, the right to write anywhere but in the folder `scratch`.

    Nothing happens where the system lacks the means.
    """
    if lacking():
        return
    import landlock

    reading = landlock.FSAccess.READ_FILE | landlock.FSAccess.READ_DIR | landlock.FSAccess.EXECUTE
    rules = landlock.Ruleset(landlock.FSAccess.all() & ~reading)
    rules.allow(scratch)
    rules.apply()


def limit_memory(size: int) -> None:
    """Lets this process take `size` more bytes of memory, and no more."""
    data = 5  # its place in the file: pages of data and stack
    pages = int(Path("/proc/self/statm").read_text().split()[data]) if sys.platform == "linux" else 0
    taken = pages * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_DATA, (taken + size, taken + size))


def child(
    work: Callable[..., Result],
    *given: Any,
    seconds: float = inf,
    stop: Callable[[], bool] | None = None,
    method: Literal["fork", "forkserver"],
) -> Result:
    """What `work(*given)` gives in a child process, which is ended after `seconds`, or when `stop` says so.

    `fork` is the faster and takes any function; `forkserver` is for a process that has threads. Raises what `work`
    raises, `TimeoutError` where it is ended, and `TableError` where the child died.
    """
    context: Any = multiprocessing.get_context(method)
    mine, its = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(its, work, *given), daemon=True)
    process.start()
    its.close()
    try:
        end = time.monotonic() + seconds
        while not mine.poll(ASK if stop or seconds < inf else None):
            if time.monotonic() > end or (stop and stop()):
                raise TimeoutError(f"stopped after {seconds} s, or asked to")
        result, error = mine.recv()
    except EOFError:
        process.join()
        died = f"the process that answered it ended with {process.exitcode}"
        raise TableError(f"query: {died}: it asked for too much memory, most likely") from None
    finally:
        process.kill()  # it has answered, or nobody waits for it
        process.join()
        mine.close()
    if error is not None:
        raise error
    return result  # type: ignore[no-any-return]


def _work(parent: Connection, work: Callable[..., Any], *given: Any) -> None:
    answer: tuple[Any, Exception | None]
    try:
        answer = work(*given), None
    except Exception as error:
        answer = None, error
    parent.send(answer)
