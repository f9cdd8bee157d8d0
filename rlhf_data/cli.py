"""A stage's signature is its command line: `cli.run(main)` turns parameters into required flags.

A stage of many paths takes one NamedTuple of them, whose fields are the flags.

Errors that this package raises on purpose are printed without a traceback, and the process exits with 1. A stage that
is interrupted (SIGINT, SIGTERM) keeps what it finished, and no two processes run the same command line.
"""

from __future__ import annotations

import argparse
import hashlib
import inspect
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_type_hints

from rlhf_data import environment, notes
from rlhf_data.errors import RlhfDataError
from rlhf_data.storage import inputs, locks, times, why

LOCKS = Path("data/.journal/locks")


def run(main: Callable[..., None]) -> None:
    """Calls `main` with what the command line says: each of its `flags` is required, and of its type."""
    doc = inspect.getdoc(sys.modules[main.__module__])
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, kind in flags(main).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, required=True, metavar=kind.__name__.upper())
    given: dict[str, Any] = vars(parser.parse_args())
    arguments = {
        name: kind(**{flag: given[flag] for flag in kind._fields}) if hasattr(kind, "_fields") else given[name]
        for name, kind in _parameters(main).items()
    }
    signal.signal(signal.SIGTERM, _interrupt)
    environment.quieten()
    command = " ".join([inspect.getfile(main), *sys.argv[1:]])  # which names the outputs
    try:
        with locks.held(LOCKS / hashlib.sha256(command.encode()).hexdigest()[:16], f"`{' '.join(sys.argv)}`"):
            stage = Path(inspect.getfile(main)).stem
            running = os.environ.get("DVC_STAGE", "").rpartition(":")[2] if locks.is_first() else ""
            reason = why.line(running, sys.argv[1:]) if running else ""
            started, read = time.monotonic(), inputs.look(stage)  # before the stage reads it
            if running and not sys.stdout.isatty():  # a log has one line of it
                with notes.held() as said:
                    main(**arguments)
            else:
                if reason:
                    print(reason, flush=True)
                main(**arguments)
                said, reason = [], ""
            inputs.record(stage, read)
            if running:
                times.record(running, seconds := time.monotonic() - started)
                print(_done(running, seconds, said, reason.removeprefix(f"{running}: ")), flush=True)
    except RlhfDataError as error:
        sys.exit(f"{type(error).__name__}: {error}")
    except KeyboardInterrupt:
        print("interrupted; what was finished is kept, and `dvc repro` goes on from there", file=sys.stderr)
        sys.exit(130)


def _done(stage: str, seconds: float, said: list[str], reason: str) -> str:
    """The line of a stage that ended: `pair@iter1: done in 2 s; 500 pairs of … (pair.length_penalty 0.01 → 0.02)`."""
    told = "; ".join([f"{stage}: done in {times.spoken(seconds)}", *said])
    return f"{told} ({reason})" if reason else told


def flags(main: Callable[..., None]) -> dict[str, type]:
    """The flags of a stage, by name, with their types: its parameters, and the fields of one that is a NamedTuple."""
    found: dict[str, type] = {}
    for name, kind in _parameters(main).items():
        found |= get_type_hints(kind) if hasattr(kind, "_fields") else {name: kind}
    return found


def _parameters(main: Callable[..., None]) -> dict[str, Any]:
    return {name: kind for name, kind in get_type_hints(main).items() if name != "return"}


def _interrupt(number: int, frame: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a second one ends the process at once
    raise KeyboardInterrupt
