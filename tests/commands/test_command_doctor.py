"""`rlhf-data doctor` on a sound project, and on each thing that can be wrong with one."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import small_project
from small_project import command


@pytest.fixture
def project(two_versions: Path, tmp_path: Path) -> Path:
    return small_project.copy(two_versions, tmp_path)


def examined(project: Path, *, code: int = 0) -> dict[str, list[str]]:
    """The findings by level."""
    lines = command("doctor", cwd=project, code=code).splitlines()
    return {level: [line[9:] for line in lines if line.startswith(level)] for level in ("ok", "warning", "problem")}


def test_a_sound_project_has_no_problem(project: Path) -> None:
    found = examined(project)
    assert (found["warning"], found["problem"]) == ([], [])
    said = "\n".join(found["ok"])
    for part in ("duckdb 2", "CPU cores", "profile tiny is valid", "7 stages", "GiB free where the cache lies"):
        assert part in said
    assert f"remote origin ({project.with_name('store')}): reachable; verify is on" in said


def test_remotes_out_of_reach_empty_or_unverified_are_said(project: Path, tmp_path: Path) -> None:
    config = (project / ".dvc/config").read_text().replace("verify = true", "")
    config += f"['remote \"new\"']\n    url = {tmp_path}/new\n"
    config += "['remote \"far\"']\n    url = ssh://zoo:secret@127.0.0.1:9/store\n"  # nothing listens there
    (project / ".dvc/config").write_text(config)
    found = examined(project, code=1)
    assert len(found["warning"]) == 2
    assert "verify is off" in found["warning"][0]
    assert found["warning"][1].endswith("nothing there yet — `dvc push --remote new` fills it")
    (problem,) = found["problem"]
    assert problem.startswith("remote far: ")
    assert "secret" not in str(found)


@pytest.mark.parametrize("url", [
    "ssh://zoo:sec@ret@127.0.0.1:9/store",
    "ssh://zoo:sec@/ret@127.0.0.1:9/store",
    "https://127.0.0.1:9/store?sig=secret&se=2",
    "http://zoo:secret@127.0.0.1:9/store#secret",
    "webdav://zoo:se/cret@127.0.0.1:9/store?token=secret",
    "s3://zoo:se?cret@127.0.0.1:9",
    "nowhere://zoo:se@cret@zoo",
])  # fmt: skip
def test_what_a_remote_hides_is_not_said(project: Path, url: str, refused: Callable[..., None]) -> None:
    (project / ".dvc/config").write_text(f'[\'remote "far"\']\n    url = "{url}"\n')
    said = command("doctor", cwd=project, code=int(not url.startswith("http")))
    assert "far" in said
    assert not re.search(r"sec@|ret@|cret|se@|se/|se\?", said), said
    refused("secrets of remotes that doctor meets")


def test_a_relative_path_in_a_commit_is_a_warning(project: Path) -> None:
    config = (project / ".dvc/config").read_text()
    (project / ".dvc/config").write_text(f"{config}['remote \"near\"']\n    url = ../../near\n    verify = true\n")
    (project.parent / "near").mkdir()
    (warning,) = examined(project)["warning"]
    assert warning.startswith("remote near: its relative path stands in .dvc/config, and DVC takes it from / when it")
    (way_out,) = re.findall("`dvc (remote modify .*)`", warning)
    small_project.dvc(*way_out.split(), cwd=project)
    assert examined(project)["warning"] == []


def test_no_remote_and_nothing_run_are_warnings(project: Path) -> None:
    (project / ".dvc/config").write_text("")
    (project / "dvc.lock").unlink()
    found = examined(project)
    assert [line.split(" — ")[0] for line in found["warning"]] == [
        "dvc.lock: absent, so nothing has run here",
        "no default remote",
    ]


@pytest.mark.parametrize(("file", "old", "new", "said"), [
    ("params.yaml", "profile: tiny", "profile: tinny", "params.yaml: profile 'tinny' has no file"),
    ("dvc.yaml", "stages:", "stages: [", "DVC files: "),
    ("dvc.yaml", "- data/prompts", "- data/prompts\n    deps:\n    - data/pairs/iter1.parquet\n    - data/prompts",
     "DVC files: "),
    (".dvc/config", "[core]", "[cor", "DVC: "),
])  # fmt: skip
def test_what_stops_a_run_is_a_problem(project: Path, file: str, old: str, new: str, said: str) -> None:
    path = project / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    (problem,) = examined(project, code=1)["problem"]
    assert problem.startswith(said)
    assert " — " in problem


def test_what_is_no_dvc_project_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "dvc.yaml").touch()
    problems = examined(tmp_path, code=1)["problem"]
    assert any("no DVC project — `dvc init`" in line for line in problems)
    assert any("params.yaml: absent" in line for line in problems)
