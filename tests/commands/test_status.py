"""`rlhf-data status` on a small project: what is fresh, what would run, and why."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import small_project
from small_project import command

from rlhf_data.commands import status
from rlhf_data.errors import StorageError
from rlhf_data.storage import times


@pytest.fixture
def project(two_versions: Path, tmp_path: Path) -> Path:
    return small_project.copy(two_versions, tmp_path / "project")


def told(project: Path) -> list[str]:
    return command("status", cwd=project).splitlines()


def test_nothing_changed(project: Path) -> None:
    lines = told(project)
    assert lines[-1] == "7 fresh, 0 stale, 0 after"
    assert "fresh  generate@iter1" in lines


def test_a_project_elsewhere_is_told_by_the_same_names(project: Path, tmp_path: Path) -> None:
    assert command("status", "--project", str(project), cwd=tmp_path).splitlines() == told(project)


def test_an_output_that_is_absent_or_another(project: Path) -> None:
    shutil.rmtree(project / "data/generations/iter1")
    pairs = project / "data/pairs/iter1.parquet"
    pairs.unlink()
    pairs.write_bytes(b"x")
    lines = told(project)
    assert "stale  generate@iter1: its output is absent" in lines
    assert "stale  pair@iter1: its data/pairs/iter1.parquet is modified" in lines


def test_time_and_rows_stand_beside(project: Path) -> None:
    for stage, seconds in {"generate@iter1": 75.0, "pair@iter1": 2.0}.items():
        path = project / times.FOLDER / f"{stage}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'{{"seconds": {seconds}}}')
    (project / "data/pairs/iter1.parquet").unlink()
    lines = told(project)
    assert "stale  pair@iter1: its output is absent [2 s]" in lines
    assert "fresh  generate@iter1 [1 min 15 s]" in lines
    assert lines[-1].endswith("; what is not fresh took 2 s when it last ran here")
    beside = status.beside(project, "stale", "generate@iter1, iter2", times.taken(project))
    assert beside == " [1 min 15 s, up to 104 rows to reuse]"
    assert status.beside(project, "after", "score@iter1-reward", {}) == ""


def test_without_dvc(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no DVC project, so no stage has run\n  `dvc init` makes it one"):
        status.states(tmp_path)


def test_stages_that_are_alike_share_a_line() -> None:
    found = {
        "ingest": ("fresh", ""),
        "generate@iter1": ("stale", "data/generations/iter1 modified"),
        "generate@iter10": ("stale", "data/generations/iter10 modified"),
        "generate@iter2": ("after", "train_policy"),
    }
    assert list(status.grouped(found)) == [
        ("fresh", "ingest", ""),
        ("stale", "generate@iter1, iter10", "data/generations/* modified"),
        ("after", "generate@iter2", "train_policy"),
    ]
