"""The whole pipeline on the smallest world that has pairs, in a folder of its own, through real Git and DVC."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
SMALL: dict[str, dict[str, Any]] = {
    "mix": {"all": {"sources": None, "max_pairs": 200, "max_test_pairs": 50}},
    "train_sft": {"epochs": 1, "batch_size": 1, "save_steps": 10},
    "train_reward": {"batch_size": 16, "micro_batch_size": 16},
    "train_preference": {"epochs": 1, "batch_size": 16, "micro_batch_size": 16},
    "prompts": {"per_iteration": 16, "dev": 8, "test": 8},
    "generate": {"samples": 4, "max_tokens": 40, "part_prompts": 8},
    "pair": {"drop_truncated": False},
    "train_policy": {"batch_size": 8, "micro_batch_size": 8},
    "report": {"resamples": 100, "examples": 2},
}
# the remote lies beside the project, so that a copy of both has one of its own
CONFIG = """[core]
    analytics = false
    check_update = false
    remote = store
['remote "store"']
    url = ../../store
    verify = true
"""
ENVIRONMENT = {
    **os.environ,
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "HF_HUB_OFFLINE": "1",
    "GIT_AUTHOR_NAME": "Zoo",
    "GIT_AUTHOR_EMAIL": "zoo@example.org",
    "GIT_COMMITTER_NAME": "Zoo",
    "GIT_COMMITTER_EMAIL": "zoo@example.org",
}


def fresh(folder: Path) -> Path:
    """The project as it is cloned: nothing has run."""
    for name in ("rlhf_data", "stages", "params"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("dvc.yaml", ".gitignore", ".gitattributes", ".dvcignore"):
        shutil.copy(ROOT / name, folder / name)
    shutil.copy(ROOT / "params.yaml", folder / "params.yaml")
    (folder / "reports").mkdir()
    shutil.copy(ROOT / "reports/profile.yaml", folder / "reports/profile.yaml")
    git(folder, "init", "-q")
    dvc(folder, "init", "-q")
    return folder


def make(folder: Path) -> Path:
    """A project of two iterations that has not run yet, and is in no commit."""
    fresh(folder)
    yaml = YAML()
    profile = yaml.load(folder / "params/tiny.yaml")
    for section, values in SMALL.items():
        profile[section].update(values)
    profile["train_sft"]["base"].update(hidden_size=32, intermediate_size=64, layers=1, heads=2)
    for source, rows in (("world_pairs", 400), ("world_chats", 500), ("world_prompts", 120)):
        profile["ingest"]["sources"][source]["rows"] = rows
    yaml.dump(profile, folder / "params/small.yaml")
    project = yaml.load(ROOT / "params.yaml")
    project.update(profile="small", iterations={"iter1": {"prev": "iter0"}, "iter2": {"prev": "iter1"}})
    project["policies"] = ["iter0", "iter1", "iter2"]
    yaml.dump(project, folder / "params.yaml")
    # the plots across iterations name the default three
    pipeline = yaml.load(folder / "dvc.yaml")
    del pipeline["plots"]
    yaml.dump(pipeline, folder / "dvc.yaml")
    (folder / ".dvc/config").write_text(CONFIG)
    return folder


def copied(project: Path, folder: Path) -> Path:
    """A project that may be changed, in `folder`: its files, its cache and its remote."""
    for name in (project.name, "store"):
        shutil.copytree(project.with_name(name), folder / name, symlinks=True)
    return folder / project.name


def dvc(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments], cwd=folder, env=ENVIRONMENT, text=True, capture_output=True
    )
    assert done.returncode == 0, f"dvc {' '.join(arguments)}\n{done.stdout[-4000:]}\n{done.stderr[-6000:]}"
    return done.stdout


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, env=ENVIRONMENT, check=True, capture_output=True)


def stages_run(output: str) -> list[str]:
    """The stages that `dvc repro` says it ran; one that the run cache brought back did not run.

    Without that which writes down the values in force, whatever in params/ changed.
    """
    ran = [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")]
    return [one for one in ran if one != "profile"]


def rows_of(output: str) -> dict[str, tuple[int, ...]]:
    """By table: rows wanted, from the previous version, from an interrupted run, and computed."""
    said = re.findall(
        r"(?:^|; )([\w-]+-iter\d+(?:-[a-z_]+)?)-[\w-]+: (\d+) rows wanted[^;:]*: "
        r"(\d+) from the[^;]* version, (\d+) from an [^;]* run, (\d+) to compute",
        output,
        flags=re.MULTILINE,
    )
    return {name: tuple(int(number) for number in numbers) for name, *numbers in said}


def set_param(folder: Path, section: str, name: str, value: object, *, profile: str = "small") -> None:
    yaml = YAML()
    path = folder / f"params/{profile}.yaml"
    loaded = yaml.load(path)
    loaded[section][name] = value
    yaml.dump(loaded, path)
