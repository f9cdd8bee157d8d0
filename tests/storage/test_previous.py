"""A table's previous version through real DVC: from the cache, from a remote, lost, damaged, out of reach."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest
from projects import CONFIG, dvc, git

from rlhf_data.errors import StorageError
from rlhf_data.storage import previous

STAGE = """
stages:
  generate:
    cmd: python -c pass
    outs:
      - data/generations/iter1
"""
TABLE = Path("data/generations/iter1")


def parts(found: list[Path]) -> dict[str, list[int]]:
    return {path.name: pl.read_parquet(path)["row"].to_list() for path in found}


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose table was committed and pushed, and is not in the workspace: as when its stage runs again."""
    folder = tmp_path_factory.mktemp("versions") / "origin"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        git(folder, "init", "-q")
        dvc(folder, "init", "-q")
        Path(".dvc/config").write_text(CONFIG)
        for number in range(3):
            path = TABLE / f"part-{number}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            pl.DataFrame({"row": [number]}).write_parquet(path)
        Path("dvc.yaml").write_text(STAGE)
        Path(".gitignore").write_text("/data\n")
        dvc(folder, "commit", "-q", "-f")
        dvc(folder, "push", "-q")
        git(folder, "add", "-A")
        git(folder, "commit", "-qm", "first")
        shutil.rmtree("data")
    return folder


@pytest.fixture
def clone(origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone that has pulled nothing, and a remote of its own."""
    git(tmp_path, "clone", "-q", str(origin), "clone")
    shutil.copytree(origin.with_name("store"), tmp_path / "store")
    monkeypatch.chdir(tmp_path / "clone")
    return tmp_path / "clone"


def objects(store: Path, number: int) -> Path:
    wanted = pl.DataFrame({"row": [number]})
    return next(
        path
        for path in store.rglob("*")
        if path.is_file() and path.suffix != ".dir" and pl.read_parquet(path).equals(wanted)
    )


def test_the_cache_gives_what_the_workspace_has_lost(
    origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(origin)
    found = previous.fetch(TABLE, tmp_path / "into")
    assert parts(found) == {"part-0.parquet": [0], "part-1.parquet": [1], "part-2.parquet": [2]}
    assert previous.fetch(Path("data/generations/iter2"), tmp_path / "none") == []


@pytest.mark.parametrize("out", ["data/new.parquet", "data/new"])
def test_an_output_that_no_lock_file_names_has_no_previous_version(clone: Path, tmp_path: Path, out: str) -> None:
    with Path("dvc.yaml").open("a") as file:
        file.write(f"  new:\n    cmd: 'true'\n    outs:\n      - {out}\n")
    assert previous.fetch(Path(out), tmp_path / "into") == []


def test_a_clone_that_pulled_nothing_reads_the_remote(clone: Path, tmp_path: Path) -> None:
    found = previous.fetch(TABLE, tmp_path / "into")
    assert parts(found) == {"part-0.parquet": [0], "part-1.parquet": [1], "part-2.parquet": [2]}
    assert not (clone / "data").exists()


def test_damaged_and_lost_parts_are_left_out_and_named(
    clone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flipped = objects(tmp_path / "store", 1)
    content = bytearray(flipped.read_bytes())
    content[10] ^= 1
    flipped.chmod(0o644)
    flipped.write_bytes(content)

    assert list(parts(previous.fetch(TABLE, tmp_path / "into"))) == ["part-0.parquet", "part-2.parquet"]
    assert "data/generations/iter1/part-1.parquet: damaged" in capsys.readouterr().out

    flipped.unlink()
    assert list(parts(previous.fetch(TABLE, tmp_path / "into"))) == ["part-0.parquet", "part-2.parquet"]
    assert "data/generations/iter1/part-1.parquet: neither in the cache nor on the remote" in capsys.readouterr().out


def test_a_folder_that_is_lost_whole_is_said(clone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(tmp_path / "store")
    assert previous.fetch(TABLE, tmp_path / "into") == []
    assert "data/generations/iter1: neither the cache nor the remote holds" in capsys.readouterr().out


def test_a_remote_out_of_reach_is_an_error_with_the_ways_out(clone: Path, tmp_path: Path) -> None:
    unreachable = CONFIG.replace("../../store", "ssh://127.0.0.1:9/store")  # nothing listens there
    (clone / ".dvc/config").write_text(unreachable)
    with pytest.raises(StorageError, match=r"(?s)cannot be fetched.*fresh: true"):
        previous.fetch(TABLE, tmp_path / "into")


def test_outside_a_project_there_are_no_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert previous.fetch(TABLE, tmp_path / "into") == []


@pytest.mark.parametrize("name", ["data/scores/iter1/reward.parquet", "/data/scores/iter1/reward.parquet"])
def test_a_lost_file_is_named_whole(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def absent(*arguments: object) -> bool:
        raise FileNotFoundError

    monkeypatch.setattr("rlhf_data.storage.revisions.copied", absent)
    assert previous._copy(None, name, tmp_path) is None
    assert capsys.readouterr().out.startswith("data/scores/iter1/reward.parquet: neither in the cache nor")
