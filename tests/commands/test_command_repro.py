"""`rlhf-data repro`: what the stages say, and of DVC only what went wrong."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import small_project
from small_project import ENVIRONMENT


@pytest.fixture
def project(tmp_path: Path) -> Path:
    small_project.git("init", "-q", cwd=tmp_path)
    small_project.dvc("init", "-q", cwd=tmp_path)
    (tmp_path / "dvc.yaml").write_text(
        "stages:\n  one: {cmd: echo said by one && echo 1 > a, outs: [a]}\n"
        "  two: {cmd: echo said by two && exit 3, deps: [a], outs: [b]}\n"
    )
    return tmp_path


def repro(project: Path, *targets: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["rlhf-data", "repro", *targets], cwd=project, env=ENVIRONMENT, text=True, capture_output=True
    )


def test_what_stages_say_and_the_error_of_one(project: Path) -> None:
    done = repro(project)
    assert done.returncode != 0
    assert done.stdout == "said by one\nsaid by two\n"
    assert "failed to reproduce 'two': failed to run: echo said by two && exit 3, exited with 3" in done.stderr


def test_a_target_alone_and_again(project: Path) -> None:
    for said in ("said by one\n", ""):
        done = repro(project, "one")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(said)
        assert "Running stage" not in done.stdout
    assert not (project / "b").exists()


@pytest.mark.parametrize("text", ["stages: 7\n", "stages:\n  one: {cmd: echo, nonsense: 1}\n", "{"])
def test_faults_that_dvc_finds_are_not_silent(project: Path, text: str) -> None:
    (project / "dvc.yaml").write_text(text)
    done = repro(project)
    assert done.returncode != 0
    assert "dvc.yaml" in done.stderr
