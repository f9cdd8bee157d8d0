"""A Python process of its own, as DVC would run a stage: its seconds, its CPU seconds and its peak memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent


class Measured(NamedTuple):
    """What a process took; `said` is its standard output."""

    seconds: float
    cpu_seconds: float
    peak_gib: float
    said: str


def measure(arguments: Sequence[str], *, folder: Path) -> Measured:
    """Runs `python *arguments` in a folder; exits where it fails.

    A process's peak memory is at least that of the process that started it, so the caller must be small.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    started = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, *arguments], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        said = process.stdout.read().strip()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - started
    if process.returncode:
        sys.exit(f"{' '.join(arguments)} failed")
    return Measured(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 2**20, said)
