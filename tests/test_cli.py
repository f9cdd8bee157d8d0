"""A signature in, a command line out: real runs of small scripts, and of a stage."""

from __future__ import annotations

import importlib
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

from rlhf_data import cli
from rlhf_data.errors import TableError


def main(reward_model: Path, iteration: str, rows: int) -> None:
    print(repr(reward_model), repr(iteration), repr(rows), flush=True)
    if rows == 99:
        sys.stdin.read()  # until it is interrupted
    if rows == 0:
        raise TableError("rewards.parquet: no rows\\n  score again")
    if rows < 0:
        raise KeyError("a bug")


if __name__ == "__main__":
    cli.run(main)
'''


def start(folder: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    (folder / "script.py").write_text(SCRIPT)
    return subprocess.Popen(
        [sys.executable, folder / "script.py", *arguments],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
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


def test_a_stage_that_dvc_runs_says_why_and_how_long(tmp_path: Path) -> None:
    (tmp_path / "dvc.yaml").touch()
    arguments = ("--rows", "2", "--iteration", "iter1", "--reward-model", "x")
    with start(tmp_path, *arguments, DVC_STAGE=f"{tmp_path}/dvc.yaml:pair@iter1") as process:
        output, errors = process.communicate()
    why, _, done = output.splitlines()
    assert errors == ""
    assert why.startswith("pair@iter1: ")
    assert done == "pair@iter1: done in 0 s"
    assert times.taken(tmp_path)["pair@iter1"] < 5


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
