"""`rlhf-data push` ends with a whole remote, whatever an earlier push left there."""

from __future__ import annotations

import random
import shutil
import subprocess
import time
from pathlib import Path

import pytest
import small_project
from small_project import ENVIRONMENT, command, dvc, oids, stored

from rlhf_data.errors import StorageError, TableError

PART, KILLS = "data/generations/iter1/part-00001.parquet", 3


@pytest.fixture
def project(two_versions: Path, tmp_path: Path) -> Path:
    """A project with an empty remote beside it."""
    store = tmp_path / "store"
    store.mkdir()
    return small_project.copy(two_versions, tmp_path, remote=str(store))


def whole(project: Path) -> bool:
    said = command("verify", cwd=project)
    return said.count(" 0 damaged, 0 missing\n") == len(said.splitlines())


def test_what_is_missing_goes_and_nothing_twice(project: Path) -> None:
    objects = len(set(oids(project).values()))
    assert command("push", cwd=project) == f"remote origin: {objects} objects sent; it has all that is in the cache\n"
    assert whole(project)
    assert command("push", cwd=project) == "remote origin: 0 objects sent; it has all that is in the cache\n"
    command("push", "--all", cwd=project)
    command("verify", "--all", cwd=project)


@pytest.mark.parametrize("which", ["--all-commits", "--all-tags"])
def test_dvc_s_own_push_of_all_versions_stays_in_the_remote_that_set_up_names(tmp_path: Path, which: str) -> None:
    project = small_project.make(tmp_path / "project", remote="remote")  # v1 has a relative path in its commit
    (project / ".dvc/config").write_text("[core]\n    analytics = false\n")
    small_project.write_tables(project, prompts=52, penalty=0.5)
    dvc("remote", "add", "-q", "--local", "--default", "local", ".dvc/remote", cwd=project)
    small_project.save(project, "v2")
    outside = sorted(Path("/.dvc").rglob("*"))

    dvc("push", "-q", which, cwd=project)
    assert sorted(Path("/.dvc").rglob("*")) == outside
    for version in ("v1", "v2"):
        small_project.git("checkout", "-q", version, cwd=project)
        assert all(stored(project / ".dvc/remote", oid).exists() for oid in oids(project).values())
    shutil.rmtree(project / ".dvc/cache")
    assert command("diff", "rewards", "v1", "v2", cwd=project).startswith("rewards: v1 → v2, rows by ")


@pytest.mark.parametrize("fault", ["cut", "empty", "missing", "list cut", "all but the lists"])
def test_what_a_killed_push_left_is_mended(project: Path, fault: str) -> None:
    store, known = project.parent / "store", oids(project)
    dvc("push", "-q", cwd=project)
    one = stored(store, known["data/generations/iter1" if fault == "list cut" else PART])
    content = one.read_bytes()
    if fault == "all but the lists":
        for path in store.glob("files/md5/*/*[!r]"):
            path.unlink()
    else:
        one.unlink()
    if fault in ("cut", "list cut", "empty"):
        one.write_bytes(b"" if fault == "empty" else content[: len(content) // 2])
    if fault in ("cut", "empty", "missing"):
        assert dvc("push", cwd=project) == "Everything is up to date.\n"

    command("push", cwd=project)
    assert whole(project)
    assert one.read_bytes() == content


def test_a_push_that_was_killed(project: Path) -> None:
    store, chance = project.parent / "store", random.Random(0)
    for _ in range(KILLS):
        process = subprocess.Popen(["dvc", "push", "-q"], cwd=project, env=ENVIRONMENT, stderr=subprocess.DEVNULL)
        while not list(store.glob("files/md5/*/*")) and process.poll() is None:
            time.sleep(0.001)
        time.sleep(chance.uniform(0, 0.02))
        process.kill()
        process.wait()
        command("push", cwd=project)
        assert whole(project)
        shutil.rmtree(store)
        store.mkdir()


def test_a_remote_that_is_nowhere(project: Path) -> None:
    dvc("remote", "add", "far", "ssh://nobody@127.0.0.1:9/store", cwd=project)
    with pytest.raises(StorageError, match=r"127\.0\.0\.1"):
        command("push", "--remote", "far", cwd=project)
    with pytest.raises(StorageError, match=r"(?s)none.*dvc remote list"):
        command("push", "--remote", "none", cwd=project)
    dvc("remote", "default", "--unset", cwd=project)
    with pytest.raises(StorageError, match="no remote is the default one\n  name one: --remote"):
        command("push", cwd=project)


@pytest.mark.parametrize(
    ("url", "words"),
    [("webdav://127.0.0.1:9/x", "dvc-webdav"), ("s3://bucket/x", "127.0.0.1:9"), ("ssh://nobody@127.0.0.1:9/x", "9")],
)
@pytest.mark.parametrize("asked", ["verify", "sql", "diff", "export", "push", "push empty"])
def test_a_remote_that_does_not_answer_is_said(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, words: str, asked: str
) -> None:
    for name, value in (("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b"), ("AWS_MAX_ATTEMPTS", "1")):
        monkeypatch.setenv(name, value)
    dvc("remote", "add", "--force", "--default", "away", url, cwd=project)
    if url.startswith("s3"):
        dvc("remote", "modify", "away", "endpointurl", "http://127.0.0.1:9", cwd=project)
    if asked in ("sql", "diff", "export"):
        shutil.rmtree(project / ".dvc/cache")
    commands = {
        "verify": ("verify",),
        "sql": ("sql", "--at", "v1", "select count(*) from rewards"),
        "diff": ("diff", "rewards", "v1", "v2"),
        "export": ("export", "generations/iter1", "--at", "v1", "--out", str(tmp_path / "out")),
        "push": ("push",),
        "push empty": ("push", "--at", "v1"),
    }
    with pytest.raises((StorageError, TableError), match=r"\A[^\n]+\n  [^\n]+\Z") as error:
        command(*commands[asked], cwd=project)
    assert words in str(error.value) or asked == "export"
