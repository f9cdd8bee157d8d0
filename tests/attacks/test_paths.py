"""Paths that a person types by mistake: no command deletes, replaces or adds to what it did not make."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import small_project
from small_project import command

from rlhf_data.errors import StorageError

COMMANDS: dict[str, tuple[tuple[str, ...], str]] = {  # by what writes: its arguments, and the flag that takes a path
    "sql": (("sql", "select 1 as a", "--format", "csv"), "--out"),
    "sql parquet": (("sql", "select 1 as a", "--format", "parquet"), "--out"),
    "sql --write": (("sql",), "--write"),
    "ask": (("ask", "iterations", "--format", "json"), "--out"),
    "export": (("export", "pairs/iter1"), "--out"),
}
PATHS = (
    "mine", "mine/notes.txt", "mine/empty", "link", "dangling", "data", "data/rewards", "data/rewards/iter1.parquet",
    "data/new.csv", "data/generations/iter1/part-9.parquet", ".dvc", ".dvc/config", ".dvc/cache/new",
    ".git/HEAD", ".git/new",
    "params.yaml", "dvc.yaml", ".", "..", "/", "/dev/null",
)  # fmt: skip
SAID = r"\A[^\n]+: (exists|is among the project's tables[^\n]*)\n  name [^\n]+\Z"


@pytest.fixture(scope="module")
def project(two_versions: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project, and a person's own files in its folder."""
    made = small_project.copy(two_versions, tmp_path_factory.mktemp("paths") / "project")
    (made / "mine/empty").mkdir(parents=True)
    (made / "mine/notes.txt").write_text("a thesis")
    (made / "link").symlink_to("mine")
    (made / "dangling").symlink_to("nowhere")
    return made


def state(folder: Path) -> dict[str, object]:
    found = {str(one): one.read_bytes() for one in folder.rglob("*") if one.is_file() and "tmp" not in one.parts}
    return found | {str(one): None for one in folder.rglob("*") if not one.is_file()}


@pytest.mark.parametrize("path", PATHS)
def test_a_command_writes_to_a_new_path_or_not_at_all(
    project: Path, path: str, refused: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    before = state(project)
    for name, (arguments, flag) in COMMANDS.items():
        with pytest.raises(StorageError, match=SAID):
            command(*arguments, flag, path, cwd=project)
        assert state(project) == before, name
    refused("paths of commands that write", len(COMMANDS))


def test_a_new_path_is_written(project: Path, tmp_path: Path) -> None:
    for number, (arguments, flag) in enumerate(COMMANDS.values()):
        command(*arguments, flag, str(tmp_path / f"{number}"), cwd=project)
        assert (tmp_path / f"{number}").exists()


@pytest.mark.parametrize("there", ["prompts/iter1.parquet", "generations/iter1", "rewards/iter1.parquet"])
def test_an_import_adds_to_no_table(tmp_path: Path, there: str) -> None:
    (tmp_path / "records.jsonl").write_text('{"prompt": "Name a fish.", "responses": ["Carp."], "rewards": [1.0]}\n')
    (tmp_path / "out" / there).mkdir(parents=True)
    told = ("--iteration", "iter1", "--finish-reason", "stop", "--out", str(tmp_path / "out"))
    with pytest.raises(StorageError, match=f"{there}: exists"):
        command("import", str(tmp_path / "records.jsonl"), *told, cwd=tmp_path)
    assert [one.relative_to(tmp_path / "out").as_posix() for one in (tmp_path / "out").rglob("*")][-1] == there


@pytest.mark.parametrize("path", ["file/x", "file/x/y", "/proc/x", "/dev/null/x"])
def test_where_nothing_can_be_written_is_said(
    project: Path, path: str, refused: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "file").touch()
    monkeypatch.chdir(project)
    for arguments, flag in COMMANDS.values():
        with pytest.raises(StorageError, match=rf"\A{path}: cannot be written: [^\n]+\n  name another path"):
            command(*arguments, flag, path, cwd=project)
    refused("paths where nothing can be written", len(COMMANDS))
