"""The process that DVC starts for a stage: a fork of the server is the stage, and this one waits for it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import zlib
from contextlib import suppress
from pathlib import Path
from types import FrameType

from rlhf_data import environment
from rlhf_data.preload import wire

# Stages that import what the server does, and so start it
STARTING = {
    "benchmark_judge", "evaluate", "evaluate_reward", "generate", "history", "judge_policy", "logprobs",
    "offline_history", "score", "tokenizer", "train_policy", "train_preference", "train_reward", "train_sft",
}  # fmt: skip
FOLDER = Path(".dvc/tmp")
GPUS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")  # by the devices of NVIDIA's and AMD's drivers, and of WSL's
PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def hand_over() -> None:
    """Lets a fork of the server be this stage, and exits as the fork did; returns where the stage is to start here."""
    if sys.argv[:1] != ["-m"] or not _possible() or (owner := _owner()) is None:
        return  # -m: while Python looks for the stage that it is to run
    module, *arguments = sys.orig_argv[2:]
    environment.settle()
    environment.quieten()
    ignored = [number for number in PASSED_ON if signal.getsignal(number) is signal.SIG_IGN]
    asked = json.dumps([module, arguments, dict(os.environ), ignored]).encode()
    try:
        server = _connection(owner, start=module.rpartition(".")[2] in STARTING)
        socket.send_fds(server, [wire.NUMBER.pack(len(asked))], [0, 1, 2])
        server.sendall(asked)
        pid = wire.number(server)
    except (OSError, EOFError):  # no server, or it could not import the libraries; the stage may say why
        return
    except KeyboardInterrupt:
        sys.exit(130)
    _pass_signals_on(pid, set(PASSED_ON) - set(ignored))
    _end_as(os.waitstatus_to_exitcode(_status(server, pid)))


def _possible() -> bool:
    if sys.platform != "linux" or sys.orig_argv[1:2] != ["-m"] or not FOLDER.is_dir():
        return False
    if "DVC_STAGE" not in os.environ or "RANK" in os.environ or os.environ.get("RLHF_DATA_PRELOAD") == "0":
        return False
    return not any(map(os.path.exists, GPUS))


def _owner() -> int | None:
    """The `dvc repro` that started this stage: the nearest process above it that is not itself part of a stage."""
    pid = os.getppid()
    with suppress(OSError):
        while pid > 0:
            process = Path(f"/proc/{pid}")
            if b"\0DVC_STAGE=" not in b"\0" + (process / "environ").read_bytes():
                return pid
            pid = int((process / "stat").read_text().rpartition(")")[2].split()[1])
    return None


def _connection(owner: int, *, start: bool) -> socket.socket:
    """To the server of this `dvc repro` and environment, which `start` starts where there is none."""
    same = sorted((name, value) for name, value in os.environ.items() if name not in ("DVC_STAGE", "_"))
    path = FOLDER / f"preload-{owner}-{zlib.crc32(repr(same).encode(errors='surrogateescape')):08x}"
    server = socket.socket(socket.AF_UNIX)
    try:
        server.connect(str(path))
    except (FileNotFoundError, ConnectionRefusedError):
        if not start:
            raise
        _start(path, owner)
        server.connect(str(path))
    return server


def _start(path: Path, owner: int) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        for old in FOLDER.glob("preload-*"):  # of a server that was killed
            if old == path or not Path(f"/proc/{old.name.split('-')[1]}").exists():
                old.unlink(missing_ok=True)
        mask = os.umask(0o177)  # for who runs this alone
        try:
            listener.bind(str(path))
        finally:
            os.umask(mask)
        listener.listen()
        command = [sys.executable, "-m", "rlhf_data.preload.server", str(listener.fileno()), str(owner)]
        nothing = subprocess.DEVNULL
        subprocess.Popen(
            command, pass_fds=[listener.fileno()], stdin=nothing, stdout=nothing, stderr=nothing, process_group=0
        )


def _pass_signals_on(pid: int, numbers: set[signal.Signals]) -> None:
    def pass_on(number: int, frame: FrameType | None) -> None:
        with suppress(ProcessLookupError):  # it just ended
            os.kill(pid, number)

    def pause(number: int, frame: FrameType | None) -> None:
        pass_on(signal.SIGSTOP, frame)
        os.kill(os.getpid(), signal.SIGSTOP)
        pass_on(signal.SIGCONT, frame)

    for number in numbers:
        signal.signal(number, pass_on)
    signal.signal(signal.SIGTSTP, pause)


def _status(server: socket.socket, pid: int) -> int:
    """Of the fork that ended. A server that was killed can tell of none, so its fork is ended too."""
    try:
        return wire.number(server)
    except (OSError, EOFError):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        sys.exit("the process that this stage was forked from was killed\n  `dvc repro` goes on from what is finished")


def _end_as(code: int) -> None:
    if code < 0:
        with suppress(OSError):  # of SIGKILL
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)
