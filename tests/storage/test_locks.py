"""Two processes and one piece of work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rlhf_data.errors import StorageError
from rlhf_data.storage import locks

HOLD = """
import sys
from pathlib import Path
from rlhf_data.storage import locks

with locks.held(Path(sys.argv[1]), "the work"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_another_process_is_named_and_its_end_frees_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "locks" / "work"
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"

        with (
            pytest.raises(StorageError, match=rf"the work is being done by process {other.pid}\b"),
            locks.held(path, "the work"),
        ):
            pytest.fail("two processes hold one lock")

        os.kill(other.pid, signal.SIGKILL)
    with locks.held(path, "the work"):
        assert path.read_text() == f"{os.getpid()}\n"
    with locks.held(path, "the work"):
        pass  # it was let go
