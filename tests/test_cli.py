"""A signature in, a command line out: real runs of small scripts, and of a stage."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rlhf_data import cli
from rlhf_data.storage import times

ROOT = Path(__file__).parents[1]
STAGES = sorted(path.stem for path in (ROOT / "stages").glob("*.py") if path.stem != "__init__")
SCRIPT = '''"""what goes in → what comes out.

Two paragraphs, as written."""

import sys
from pathlib import Path

from rlhf_data import cli, notes
from rlhf_data.errors import TableError


def main(reward_model: Path, iteration: str, rows: int) -> None:
    print(repr(reward_model), repr(iteration), repr(rows), flush=True)
    if rows in (0, 3):
        notes.say(f"{rows} rows")
    if rows == 99:
        sys.stdin.read()  # until it is interrupted
    if rows == 0:
        raise TableError("rewards.parquet: no rows\\n  score again")
    if rows < 0:
        raise KeyError("a bug")
    if rows == 3:
        notes.say("none lost")


if __name__ == "__main__":
    cli.run(main)
'''


def start(folder: Path, *arguments: str, stdout: int = subprocess.PIPE, **environment: str) -> subprocess.Popen[str]:
    (folder / "script.py").write_text(SCRIPT)
    return subprocess.Popen(
        [sys.executable, folder / "script.py", *arguments],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf8", **environment},
    )


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    with start(folder, *arguments) as process:
        output, errors = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def test_parameters_are_flags_of_their_types(tmp_path: Path) -> None:
    done = run(tmp_path, "--rows", "2", "--iteration", "iter1", "--reward-model", "data/models/reward")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{Path('data/models/reward')!r} 'iter1' 2\n"


ARGUMENTS = ("--iteration", "iter1", "--reward-model", "x")
REASON = "runs (dvc.lock does not tell why: FileNotFoundError)"


def test_in_a_log_a_stage_that_dvc_runs_is_one_line(tmp_path: Path) -> None:
    with start(tmp_path, "--rows", "3", *ARGUMENTS, DVC_STAGE=f"{tmp_path}/dvc.yaml:pair@iter1") as process:
        output, errors = process.communicate()
    _, done = output.splitlines()
    assert errors == ""
    assert done == f"pair@iter1: done in 0 s; 3 rows; none lost ({REASON})"
    assert times.taken(tmp_path)["pair@iter1"] < 5


def test_what_it_told_before_it_failed_is_in_the_log(tmp_path: Path) -> None:
    with start(tmp_path, "--rows", "0", *ARGUMENTS, DVC_STAGE="pair@iter1") as process:
        output, _ = process.communicate()
    assert output.splitlines()[1:] == ["0 rows"]
    assert process.returncode == 1


def test_in_a_terminal_it_says_why_at_once(tmp_path: Path) -> None:
    ours, its = os.openpty()
    with start(tmp_path, "--rows", "3", *ARGUMENTS, DVC_STAGE="pair@iter1", stdout=its) as process:
        os.close(its)
        assert process.wait() == 0
    said = os.read(ours, 10_000).decode().splitlines()
    os.close(ours)
    assert said[0] == f"pair@iter1: {REASON}"
    assert said[2:] == ["3 rows", "none lost", "pair@iter1: done in 0 s"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--rows", "2", "--iteration", "iter1"], "the following arguments are required: --reward-model"),
        (["--rows", "two", "--iteration", "iter1", "--reward-model", "x"], "invalid int value: 'two'"),
        (["--rows", "2", "--iteration", "iter1", "--reward-model", "x", "--out", "y"], "unrecognized arguments"),
    ],
)
def test_wrong_flags(tmp_path: Path, arguments: list[str], told: str) -> None:
    done = run(tmp_path, *arguments)
    assert done.returncode == 2
    assert told in done.stderr


def test_errors_on_purpose_have_no_traceback(tmp_path: Path) -> None:
    done = run(tmp_path, "--rows", "0", "--iteration", "iter1", "--reward-model", "x")
    assert done.returncode == 1
    assert done.stderr == "TableError: rewards.parquet: no rows\n  score again\n"


def test_bugs_have_their_traceback(tmp_path: Path) -> None:
    done = run(tmp_path, "--rows", "-1", "--iteration", "iter1", "--reward-model", "x")
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")


def test_help_is_the_scripts_docstring(tmp_path: Path) -> None:
    done = run(tmp_path, "--help")
    assert done.returncode == 0
    assert "what goes in → what comes out.\n\nTwo paragraphs, as written." in done.stdout
    assert "--reward-model PATH" in done.stdout


@pytest.mark.parametrize("name", STAGES)
def test_help_of_every_stage(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    stage = importlib.import_module(f"stages.{name}")
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit) as done:
        cli.run(stage.main)
    assert done.value.code == 0
    assert str(stage.__doc__).strip() in capsys.readouterr().out


def test_a_stage_away_from_the_root(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "stages.offline_history",
            "--mix",
            "data/mixes/all",
            "--reference",
            "a",
            "--out",
            "b",
            "--rejects",
            "c",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == "ParamsError: params.yaml: absent; run this from the project's root\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_process_a_command_line_and_an_interruption_is_said(tmp_path: Path, number: signal.Signals) -> None:
    arguments = ("--rows", "99", "--iteration", "iter1", "--reward-model", "x")
    with start(tmp_path, *arguments) as first:
        assert first.stdout is not None
        assert first.stdout.readline()  # it is at work

        second = run(tmp_path, *arguments)
        other = run(tmp_path, "--rows", "2", *arguments[2:])
        first.send_signal(number)
        _, told = first.communicate()

    assert second.returncode == 1
    assert f"is being done by process {first.pid}," in second.stderr
    assert other.returncode == 0
    assert (first.returncode, told) == (
        130,
        "interrupted; what was finished is kept, and `dvc repro` goes on from there\n",
    )
