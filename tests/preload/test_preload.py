"""Stages of one `dvc repro`, forked from one process: as those that DVC started would have been."""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import small_project
from small_project import ENVIRONMENT

from rlhf_data.preload import client, server

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(any(map(os.path.exists, client.GPUS)), reason="beside a GPU no stage is a fork")

# A stage that says what it is, then does what its first word says
STAGE = """
import json, os, signal, sys, time
from pathlib import Path

def stop(number, frame):
    Path(f"{name}.signal").write_text(str(number))
    sys.exit(7)

name, what = sys.argv[1:]
said = {
    "argv": sys.argv[1:], "pid": os.getpid(), "parent": os.getppid(), "cwd": os.getcwd(), "main": __name__,
    "trl": "trl" in sys.modules, "own": "rlhf_data.cli" in sys.modules,
    "mine": os.environ["MINE"], "stage": os.environ["DVC_STAGE"],
    "interrupts": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
}
signal.signal(signal.SIGTERM, stop)
Path(f"{name}.json.new").write_text(json.dumps(said))
Path(f"{name}.json.new").replace(f"{name}.json")
print("said by", name)
print("complained by", name, file=sys.stderr)
if what == "wait":
    time.sleep(600)
if what == "die":
    os.kill(os.getpid(), signal.SIGSEGV)
sys.exit(int(what))
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("preload")
    small_project.git("init", "-q", cwd=folder)
    small_project.dvc("init", "-q", cwd=folder)
    (folder / "stages").mkdir()
    (folder / "stages/__init__.py").write_text((ROOT / "stages/__init__.py").read_text())
    for name in ("score", "pair"):
        (folder / f"stages/{name}.py").write_text(STAGE)
    return folder


def pipeline(project: Path, *commands: str) -> None:
    """Stages one after the other."""
    lines = ["stages:"]
    for place, command in enumerate(commands):
        before = [f"out{place - 1}"] if place else []
        lines += [f"  run{place}:", f"    cmd: {command} && touch out{place}", f"    deps: {json.dumps(before)}"]
        lines += [f"    outs: [out{place}]", "    always_changed: true"]
    (project / "dvc.yaml").write_text("\n".join(lines))


@contextmanager
def repro(project: Path, **more: str) -> Iterator[subprocess.Popen[str]]:
    for old in [*project.glob("*.json"), *project.glob("*.signal")]:
        old.unlink()
    process = subprocess.Popen(
        ["dvc", "repro"], cwd=project, env={**ENVIRONMENT, "MINE": "1", **more}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    with process:
        try:
            yield process
        finally:
            process.kill()


def said(project: Path, name: str, seconds: float = 60) -> dict[str, Any]:
    until(lambda: (project / f"{name}.json").exists(), seconds)
    return json.loads((project / f"{name}.json").read_text())  # type: ignore[no-any-return]


def until(true: Callable[[], bool], seconds: float = 20) -> None:
    """Waits for what has to come."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def runs(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def test_those_after_the_first_that_computes_are_forks_of_one_process(project: Path) -> None:
    pipeline(project, *(f"python -m stages.{stage} {name} 0" for stage, name in
                        [("pair", "before"), ("score", "first"), ("pair", "second"), ("score", "third")]))  # fmt: skip
    with repro(project, MINE="a b\n=ü") as process:
        output, _ = process.communicate(timeout=100)
    assert process.returncode == 0, output
    found = {name: said(project, name) for name in ("before", "first", "second", "third")}
    assert [one["trl"] for one in found.values()] == [False, True, True, True]
    assert len({one["parent"] for one in list(found.values())[1:]}) == 1
    assert len({one["pid"] for one in found.values()}) == 4
    for place, (name, one) in enumerate(found.items()):
        assert one["argv"] == [name, "0"]
        assert (one["cwd"], one["mine"], one["main"]) == (str(project), "a b\n=ü", "__main__")
        assert (one["stage"], one["own"], one["interrupts"]) == (f"run{place}", False, True)
        assert f"said by {name}" in output
        assert f"complained by {name}" in output
    until(lambda: not runs(found["first"]["parent"]))  # the server ends with its `dvc repro`
    assert not list((project / ".dvc/tmp").glob("preload-*"))


@pytest.mark.parametrize(("what", "code"), [("3", 3), ("die", 139)])
def test_it_ends_as_its_fork_does(project: Path, what: str, code: int) -> None:
    pipeline(project, f"python -m stages.score one {what}; echo ended $?")
    with repro(project) as process:
        output, _ = process.communicate(timeout=100)
    assert f"ended {code}" in output
    assert said(project, "one")["trl"]


def test_signals_reach_the_fork_and_to_kill_one_is_to_kill_the_other(project: Path) -> None:
    pipeline(project, *(f"python -m stages.score {name} wait || true" for name in ("told", "interrupted", "killed")))
    with repro(project) as process:
        pids = {}
        for name, number in (("told", signal.SIGTERM), ("interrupted", signal.SIGINT), ("killed", signal.SIGKILL)):
            pids[name] = said(project, name)["pid"]
            os.kill(waiting(name), number)
            until(lambda name=name: not runs(pids[name]))  # type: ignore[misc]
        output, _ = process.communicate(timeout=60)
    assert (project / "told.signal").read_text() == str(int(signal.SIGTERM))
    assert "KeyboardInterrupt" in output


def waiting(name: str) -> int:
    """The process that DVC started, and that waits for its fork."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "cmdline").read_bytes().split(b"\0")[1:4] == [b"-m", b"stages.score", name.encode()]:
                return int(process.name)
    raise AssertionError(name)


def test_a_server_that_is_killed_leaves_no_fork_behind(project: Path) -> None:
    pipeline(project, "python -m stages.score one wait")
    with repro(project) as process:
        one = said(project, "one")
        os.kill(one["parent"], signal.SIGKILL)
        output, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "the process that this stage was forked from was killed" in output
    until(lambda: not runs(one["pid"]))


def test_a_stage_outlives_its_dvc_and_the_server_waits_for_it(project: Path) -> None:
    pipeline(project, "python -m stages.score one wait")
    with repro(project) as process:
        one = said(project, "one")
        process.kill()
        process.wait()
        time.sleep(0.5)
        assert runs(one["pid"])
        assert runs(one["parent"])
        os.kill(one["pid"], signal.SIGTERM)
        until(lambda: not runs(one["parent"]))


def test_it_starts_by_itself_where_a_fork_is_not_safe_or_not_wanted(project: Path) -> None:
    pipeline(project, "python -m stages.score one 0")
    for more in ({"RLHF_DATA_PRELOAD": "0"}, {"RANK": "1"}):
        with repro(project, **more) as process:
            output, _ = process.communicate(timeout=60)
        assert process.returncode == 0, output
        assert not said(project, "one")["trl"]
    command = ["python", "-m", "stages.score", "one", "0"]
    done = subprocess.run(command, cwd=project, env={**ENVIRONMENT, "MINE": "1"}, text=True, capture_output=True)
    assert "KeyError: 'DVC_STAGE'" in done.stderr  # it ran, and not by DVC


def test_not_beside_a_gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".dvc/tmp").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_STAGE", "score")
    monkeypatch.setattr("sys.orig_argv", ["python", "-m", "stages.score"])
    for there in (False, True):
        (tmp_path / "gpu").write_text("") if there else None
        monkeypatch.setattr(client, "GPUS", (str(tmp_path / "gpu"),))
        assert client._possible() is not there


def test_only_its_own_user_may_ask_for_forks(project: Path) -> None:
    pipeline(project, "python -m stages.score one wait")
    gone = project / ".dvc/tmp/preload-4194305-00000000"  # no process has such a number
    gone.touch()
    with repro(project) as process:
        one = said(project, "one")
        (path,) = (project / ".dvc/tmp").glob(f"preload-{process.pid}-*")
        assert not gone.exists()
        assert path.stat().st_mode & 0o077 == 0
        os.kill(one["pid"], signal.SIGKILL)


@pytest.mark.parametrize("places", [(0, 1), (1, 0)])
def test_a_fork_that_ends_with_its_process(places: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "IDLE", 0.1)
    with socket.socket(socket.AF_UNIX) as listener, subprocess.Popen(["true"]) as fork:
        serving = server.Server(listener, os.getpid())
        ours, theirs = socket.socketpair()
        ours.close()
        serving.forks[handle := os.pidfd_open(fork.pid)] = fork.pid, theirs
        keys = [serving.selector.register(one, selectors.EVENT_READ) for one in (handle, theirs)]
        ready = [(keys[place], selectors.EVENT_READ) for place in places]
        once = iter([ready])
        monkeypatch.setattr(serving.selector, "select", lambda timeout: next(once, []))
        until(lambda: not runs(fork.pid))
        assert serving.next_fork() is None
        assert serving.forks == {}
        serving.selector.close()
        os.close(serving.owner)
