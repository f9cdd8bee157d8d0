"""The process that has the libraries loaded, of which stages are forks: `python -m rlhf_data.preload.server`."""

from __future__ import annotations

import atexit
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from rlhf_data.preload import wire

# What stages that compute import, as far as it starts no thread which a fork would miss: polars does
LIBRARIES = {
    "torch": (),
    "transformers": ("AutoModelForCausalLM", "AutoModelForSequenceClassification", "PreTrainedTokenizerFast"),
    "transformers.models.llama.modeling_llama": (),
    "trl": ("DPOTrainer", "RewardTrainer", "SFTTrainer"),
    "pydantic": (),
    "ruamel.yaml": (),
}
IDLE = 30.0


class Server:
    """Forks a stage for each connection, and tells it how the fork ended."""

    def __init__(self, listener: socket.socket, owner: int) -> None:
        self.listener, self.owner = listener, os.pidfd_open(owner)
        self.forks: dict[int, tuple[int, socket.socket]] = {}  # by a handle of the process
        self.selector = selectors.DefaultSelector()
        for one in (listener, self.owner):
            self.selector.register(one, selectors.EVENT_READ)

    def next_fork(self) -> tuple[list[Any], list[int]] | None:
        """What a fork is to run, with its streams; in the server, None once it is no longer needed."""
        owned = True
        while owned or self.forks:
            ready = [key.fileobj for key, _ in self.selector.select(None if self.forks else IDLE)]
            if not ready and not self.forks:
                break
            for one in ready:
                if one == self.owner:
                    owned = False
                    self.selector.unregister(one)
                elif one is self.listener:
                    if (asked := self._accept()) is not None:
                        return asked
                elif isinstance(one, int):
                    self._end(one)
                elif isinstance(one, socket.socket):
                    self._kill(one)
        return None

    def _accept(self) -> tuple[list[Any], list[int]] | None:
        connection, _ = self.listener.accept()
        try:
            size, streams, _, _ = socket.recv_fds(connection, wire.NUMBER.size, 3)
            asked = json.loads(wire.whole(connection, wire.NUMBER.unpack(size)[0]))
        except (OSError, EOFError, struct.error):  # it went away
            connection.close()
            return None
        if not (pid := os.fork()):
            connection.close()
            return asked, streams
        for stream in streams:
            os.close(stream)
        self.forks[fork := os.pidfd_open(pid)] = pid, connection
        for one in (fork, connection):
            self.selector.register(one, selectors.EVENT_READ)
        with suppress(OSError):
            connection.sendall(wire.NUMBER.pack(pid))
        return None

    def _end(self, fork: int) -> None:
        pid, connection = self.forks.pop(fork)
        _, status = os.waitpid(pid, 0)
        self.selector.unregister(fork)
        os.close(fork)
        with suppress(KeyError):
            self.selector.unregister(connection)
        with connection, suppress(OSError):
            connection.sendall(wire.NUMBER.pack(status))

    def _kill(self, connection: socket.socket) -> None:
        """Of a stage whose process was killed: it says nothing, so what there is to read is its end."""
        for fork, (_, one) in self.forks.items():
            if one is connection:  # else its fork ended just before
                self.selector.unregister(connection)
                signal.pidfd_send_signal(fork, signal.SIGKILL)


class Leaving:
    """Ends a fork once its streams, threads and `atexit` are done: to take down every library takes seconds.

    It is made before a library is imported, so that what they have `atexit` do is done before.
    """

    def __init__(self) -> None:
        self.code = 0
        atexit.register(self._leave)

    def _leave(self) -> None:
        for one in (sys.stdout, sys.stderr):
            with suppress(OSError):  # of a pipe that nobody reads
                one.flush()
        os._exit(self.code)

    def run(self, module: str) -> None:
        """As `python -m` does, with its exit code."""
        self.code = 1
        try:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        except SystemExit as error:
            self.code = error.code & 0xFF if isinstance(error.code, int) else int(error.code is not None)
            raise
        except KeyboardInterrupt:
            self.code = 128 + signal.SIGINT
            raise
        self.code = 0


def _become(asked: list[Any], streams: list[int], leaving: Leaving) -> None:
    """Runs a stage in a fork: its command line, environment, streams and signals are those of whom DVC started."""
    module, arguments, settings, ignored = asked
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(settings)
    for one in (sys.stdout, sys.stderr):
        one.reconfigure(line_buffering=one is sys.stderr or one.isatty())  # type: ignore[union-attr]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)
    sys.argv, sys.orig_argv = [module, *arguments], [sys.executable, "-m", module, *arguments]
    leaving.run(module)


def main() -> None:
    """Serves; what it returns from is a fork that has been a stage, or the server's end."""
    leaving = Leaving()
    listener = socket.socket(fileno=int(sys.argv[1]))
    path = Path(listener.getsockname())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of the terminal; a stage's own process passes it on
    server = Server(listener, int(sys.argv[2]))
    for name, parts in LIBRARIES.items():
        library = importlib.import_module(name)
        for part in parts:
            getattr(library, part)  # which transformers and TRL import when they are asked for it
    found = server.next_fork()
    server.selector.close()
    listener.close()
    if found:
        _become(*found, leaving)
    else:
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
