"""Damage of every kind, made by hand in a small project with a remote: found, named, mended. DVC accepts most of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
import small_project
from small_project import command, dvc, flip, git, oids, stored

from rlhf_data.errors import StorageError, TableError
from rlhf_data.sharing import verify, verify_report

PART = "data/generations/iter1/part-00001.parquet"
REWARDS = "data/rewards/iter1.parquet"


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verify")
    project = small_project.make(folder / "project", remote=folder / "store")
    dvc("push", "-q", cwd=project)
    return project


@pytest.fixture
def project(origin: Path, tmp_path: Path) -> Path:
    return small_project.copy(origin, tmp_path)


def test_what_is_good_is_counted(project: Path) -> None:
    said = command("verify", cwd=project)
    objects = len(set(oids(project).values()))
    assert f"cache: {objects} objects: {objects} good, 0 damaged, 0 missing\n" in said
    assert f"remote origin: {objects} objects: {objects} good, 0 damaged, 0 missing\n" in said
    assert "cache: 1 objects: 1 good" in command("verify", REWARDS, cwd=project)
    assert "cache: 4 objects: 4 good" in command("verify", "data/gen*/*", cwd=project)
    assert "remote" not in command("verify", "--no-remote", cwd=project)
    assert "cache" not in command("verify", "--no-cache", cwd=project)


def test_a_flipped_byte_on_the_remote(project: Path) -> None:
    bad = stored(project.with_name("store"), oids(project)[PART])
    flip(bad)
    assert "up to date" in dvc("push", cwd=project)  # what DVC itself says of it
    said = command("verify", cwd=project, code=1)
    assert f"remote origin: {PART}: damaged: object {oids(project)[PART]} hashes to" in said
    assert "`rlhf-data verify --repair` moves it aside; then `dvc push --remote origin` sends the cache's copy" in said
    assert bad.exists()

    said = command("verify", "--repair", cwd=project, code=1)
    assert f"moved aside: remote origin: {bad} → {project.with_name('store')}/damaged/" in said
    assert not bad.exists()
    assert "2 files pushed" in dvc("push", cwd=project)
    command("verify", cwd=project)


def test_an_object_that_the_remote_lost(project: Path) -> None:
    stored(project.with_name("store"), oids(project)[PART]).unlink()
    assert "up to date" in dvc("push", cwd=project)  # it goes by the list of the folder's files
    said = command("verify", cwd=project, code=1)
    assert f"remote origin: data/generations/iter1: missing: {PART}\n  `rlhf-data verify --repair`" in said
    command("verify", "--repair", cwd=project, code=1)
    dvc("push", "-q", cwd=project)
    command("verify", cwd=project)


def test_a_cut_object_of_the_cache(project: Path) -> None:
    bad = stored(project / ".dvc/cache", oids(project)[REWARDS])
    whole = bad.read_bytes()
    bad.chmod(0o644)
    bad.write_bytes(whole[:100])
    bad.chmod(0o444)  # DVC takes what is read-only for checked
    said = command("verify", "--repair", cwd=project, code=1)
    assert f"cache: {REWARDS}: truncated, 100 of {len(whole)} bytes" in said
    assert f"then `dvc pull --remote origin {REWARDS}` brings the remote's copy" in said
    assert not bad.exists()
    dvc("pull", "-q", REWARDS, cwd=project)
    command("verify", cwd=project)
    assert bad.read_bytes() == whole


def test_a_damaged_list_of_files(project: Path) -> None:
    flip(stored(project.with_name("store"), oids(project)["data/generations/iter1"]))
    said = command("verify", "--repair", cwd=project, code=1)
    assert "remote origin: data/generations/iter1: the list of its files is damaged" in said
    dvc("push", "-q", cwd=project)
    command("verify", cwd=project)


def test_a_file_of_the_workspace_that_dvc_takes_for_good(project: Path) -> None:
    dvc("status", "-q", cwd=project)  # DVC has looked
    flip(project / REWARDS)
    assert "up to date" in dvc("status", cwd=project)
    said = command("verify", "--repair", cwd=project, code=1)
    assert f"workspace: {REWARDS}: damaged" in said
    dvc("checkout", "-q", REWARDS, cwd=project)
    command("verify", cwd=project)


def test_a_change_that_dvc_sees_is_no_damage(project: Path) -> None:
    (project / REWARDS).write_text("work in progress")
    command("verify", cwd=project)


def test_revisions(project: Path) -> None:
    old = oids(project)[REWARDS]
    small_project.write_tables(project, penalty=1)
    small_project.save(project, "v2")
    dvc("push", "-q", cwd=project)
    flip(stored(project.with_name("store"), old))
    command("verify", cwd=project)
    command("verify", "--at", "v2", cwd=project)
    for asked in (["--at", "v1"], ["--all"]):
        assert f"remote origin: {REWARDS}: damaged: object {old}" in command("verify", *asked, cwd=project, code=1)


def test_what_a_clone_has_not_pulled_is_not_missing(project: Path, tmp_path: Path) -> None:
    clone = small_project.clone(project, tmp_path / "clone")
    assert "cache: " in (said := command("verify", cwd=clone))
    assert "0 good, 0 damaged, 0 missing, " in said
    dvc("pull", "-q", REWARDS, cwd=clone)
    assert "1 good, 0 damaged, 0 missing, " in command("verify", cwd=clone)


def test_a_remote_that_holds_nothing_is_one_line(project: Path) -> None:
    shutil.rmtree(project.with_name("store"))
    said = command("verify", cwd=project, code=1)
    assert said.count("\n  ") == 1
    assert "remote origin: none of " in said
    assert "`dvc push --remote origin` sends them" in said


def test_a_pull_that_was_killed_half_way(project: Path, tmp_path: Path) -> None:
    """Found by name; what came through is whole; a second pull brings the rest."""
    for number in range(150):
        (project / f"data/generations/iter1/part-{number:05}.parquet").write_bytes(os.urandom(200_000))
    small_project.save(project, "large")
    dvc("push", "-q", cwd=project)
    clone = small_project.clone(project, tmp_path / "clone")
    pull = subprocess.Popen([sys.executable, "-m", "dvc", "pull", "-q", "-j", "1"], cwd=clone)
    cache = clone / ".dvc/cache/files/md5"
    while pull.poll() is None and len(list(cache.glob("*/*"))) < 20:
        time.sleep(0.001)
    pull.kill()
    pull.wait()

    said = command("verify", "data/generations", cwd=clone, code=1)
    assert "cache: data/generations/iter1: missing: data/generations/iter1" in said
    assert "`dvc pull --remote origin data/generations/iter1` brings the remote's copy" in said
    assert " 0 damaged, " in next(line for line in said.splitlines() if line.startswith("cache: 151 objects"))
    dvc("pull", "-q", cwd=clone)
    command("verify", cwd=clone)


def test_errors_say_the_way_out(project: Path, tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"(?s)data/nope: dvc.lock names no such table; it names\n  data/generations"):
        command("verify", "data/nope", cwd=project)
    with pytest.raises(StorageError, match="unknown Git revision 'v9'"):
        command("verify", "--at", "v9", cwd=project)
    with pytest.raises(StorageError, match="nowhere"):
        command("verify", "--remote", "nowhere", cwd=project)
    (project / ".dvc/config").write_text(small_project.CONFIG.format(remote="ssh://127.0.0.1:9/store"))
    with pytest.raises(StorageError, match="cannot be read"):
        command("verify", cwd=project)


def copies(*rows: tuple[str, str, str | None, int | None]) -> pl.DataFrame:
    """One table, `t`, the list of whose files is here; (place, file, found, bytes), found `<file>-hash` where good."""
    return pl.DataFrame(
        [("cache", "t", "t.dir", "t", "t.dir", "t", 9, None, False)]
        + [(place, "t", "t.dir", file, f"{file}-hash", found, size, None, False) for place, file, found, size in rows],
        schema=verify.COPIES,
        orient="row",
    )


def test_what_the_cache_owes() -> None:
    whole = [("remote r", "a", "a-hash", 9), ("remote r", "b", "b-hash", 9)]
    nothing = verify_report.judged(
        copies(("cache", "a", None, None), ("cache", "b", None, None), *whole), has_remote=True
    )
    assert nothing["state"].to_list() == ["good", "absent", "absent", "good", "good"]
    begun = verify_report.judged(
        copies(("cache", "a", "a-hash", 9), ("cache", "b", None, None), *whole), has_remote=True
    )
    assert begun["state"].to_list() == ["good", "good", "missing", "good", "good"]
    others = begun.select(verify.COPIES.names()).with_columns(claimed=pl.lit(True))
    assert verify_report.judged(others, has_remote=True)["state"].to_list() == [
        "good",
        "good",
        "absent",
        "good",
        "good",
    ]
    alone = verify_report.judged(copies(("cache", "a", None, None)).tail(1), has_remote=False)
    assert verify_report.lines(alone) == ["cache: none of 1 objects is there\n  `dvc commit` or `dvc repro` makes them"]


def test_no_good_copy_is_said() -> None:
    lost = verify_report.judged(copies(("cache", "a", "x", 9), ("remote r", "a", "x", 9)), has_remote=True)
    assert all("no good copy was found" in line for line in verify_report.lines(lost))
    assert len(verify_report.lines(lost)) == 2


def test_git_is_untouched(project: Path) -> None:
    command("verify", "--all", cwd=project)
    assert git("status", "--porcelain", cwd=project).splitlines() == [" M .dvc/config"]


def test_what_is_nowhere_is_missing_and_not_merely_not_pulled(project: Path) -> None:
    """As after a disk that was full while DVC stored an output, and said so, and ended with 0."""
    oid = oids(project)[REWARDS]
    for store in (project / ".dvc/cache", project.parent / "store"):
        stored(store, oid).unlink()
    said = command("verify", cwd=project, code=1)
    assert f"cache: {REWARDS}: missing: {REWARDS}\n  no good copy was found" in said
    assert "not pulled" not in said
