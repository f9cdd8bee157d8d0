"""When, where and from what a page was made."""

from __future__ import annotations

import re
from pathlib import Path

from small_project import git

from rlhf_data.storage import provenance, times

LOCK = "schema: '2.0'\nstages:\n  ingest:\n    cmd: a\n  pair@iter1:\n    cmd: b\n  report:\n    cmd: c\n"


def test_the_commit_and_what_is_not_in_it(tmp_path: Path) -> None:
    assert provenance.made(tmp_path).commit == ""
    git("init", "-q", cwd=tmp_path)
    (tmp_path / "params.yaml").write_text("a: 1")
    git("add", "-A", cwd=tmp_path)
    git("commit", "-qm", "one", cwd=tmp_path)
    commit = git("rev-parse", "--short=10", "HEAD", cwd=tmp_path).strip()
    assert provenance.made(tmp_path).commit == commit
    (tmp_path / "params.yaml").write_text("a: 2")
    assert provenance.made(tmp_path).commit == f"{commit} and changes that are not committed"


def test_time_of_the_stages_that_are_in_the_lock(tmp_path: Path) -> None:
    assert provenance.made(tmp_path).took == ""
    (tmp_path / "dvc.lock").write_text(LOCK)
    folder = tmp_path / times.FOLDER
    folder.mkdir(parents=True)
    for stage, seconds in {"ingest": 61, "pair@iter1": 60, "pair@iter9": 1000}.items():
        (folder / f"{stage}.json").write_text(f'{{"seconds": {seconds}}}')
    assert provenance.made(tmp_path).took == "2 min 1 s"  # `report` itself is still running
    (folder / "ingest.json").unlink()
    assert provenance.made(tmp_path).took == "1 min, and 1 that did not run here"


def test_machine_and_date() -> None:
    found = provenance.made()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", found.date)
    assert re.search(r", \d+ cores?, ", found.machine)
