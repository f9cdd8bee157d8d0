"""The pipeline itself, through real DVC, on the smallest world that has pairs: one run of minutes serves many tests."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parent.parent
MODEL_FREE = [
    "data/preferences/world_pairs.parquet",
    "data/instructions/train.parquet",
    "data/prompt_pool.parquet",
    "data/dropped/ingest.parquet",
    "data/counts.parquet",
    "data/mixes/all/train.parquet",
    "data/mixes/all/test.parquet",
    "data/lengths/world_pairs.parquet",
    "data/models/tokenizer/tokenizer.json",
    "data/prompts/iter1.parquet",
    "data/prompts/dev.parquet",
    "data/rejects/world_chats.parquet",
    "data/rejects/mixes/all.parquet",
    "reports/cards/all.md",
    "reports/cleaning.csv",
    "reports/mixes.csv",
    "reports/table5.csv",
]
SMALL: dict[str, dict[str, Any]] = {
    "mix": {"all": {"sources": None, "max_pairs": 200, "max_test_pairs": 50}},
    "train_sft": {"epochs": 1, "batch_size": 1},
    "train_reward": {"batch_size": 16, "micro_batch_size": 16},
    "prompts": {"per_iteration": 16, "dev": 8, "test": 8},
    "generate": {"samples": 4, "max_tokens": 40, "part_prompts": 8},
    "pair": {"drop_truncated": False},
    "train_policy": {"batch_size": 8, "micro_batch_size": 8},
    "report": {"resamples": 100, "examples": 2},
}


def make_project(folder: Path) -> Path:
    for name in ("rlhf_data", "stages", "params"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("dvc.yaml", ".gitignore", ".dvcignore"):
        shutil.copy(ROOT / name, folder / name)
    yaml = YAML()
    profile = yaml.load(folder / "params" / "tiny.yaml")
    for section, values in SMALL.items():
        profile[section].update(values)
    profile["train_sft"]["base"].update(hidden_size=32, intermediate_size=64, layers=1, heads=2)
    for source, rows in (("world_pairs", 400), ("world_chats", 500), ("world_prompts", 120)):
        profile["ingest"]["sources"][source]["rows"] = rows
    yaml.dump(profile, folder / "params" / "small.yaml")
    project = yaml.load(ROOT / "params.yaml")
    project.update(profile="small", iterations={"iter1": {"prev": "iter0"}, "iter2": {"prev": "iter1"}})
    project["policies"] = ["iter0", "iter1", "iter2"]
    yaml.dump(project, folder / "params.yaml")
    # the plots across iterations name the default three
    pipeline = yaml.load(folder / "dvc.yaml")
    del pipeline["plots"]
    yaml.dump(pipeline, folder / "dvc.yaml")
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    dvc(folder, "init", "-q")
    return folder


def environment() -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "HF_HUB_OFFLINE": "1"}


def dvc(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments], cwd=folder, env=environment(), text=True, capture_output=True
    )
    assert done.returncode == 0, f"dvc {' '.join(arguments)}\n{done.stdout[-4000:]}\n{done.stderr[-6000:]}"
    return done.stdout


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=Zoo", "-c", "user.email=zoo@example.org")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def rows_of(output: str) -> dict[str, tuple[int, ...]]:
    """By table: rows wanted, from the previous version, from an interrupted run, and computed."""
    said = re.findall(
        r"^(\w+-iter\d+)-[\w-]+: (\d+) rows wanted.*: (\d+) from the.* version, (\d+) from an .* run, (\d+) to compute",
        output,
        flags=re.MULTILINE,
    )
    return {name: tuple(int(number) for number in numbers) for name, *numbers in said}


def stages_run(output: str) -> list[str]:
    return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")]


def set_param(folder: Path, section: str, name: str, value: object) -> None:
    yaml = YAML()
    path = folder / "params" / "small.yaml"
    profile = yaml.load(path)
    profile[section][name] = value
    yaml.dump(profile, path)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_project(tmp_path_factory.mktemp("project"))
    ran = stages_run(dvc(folder, "repro"))
    assert ran[0] == "ingest"
    assert ran[-1] == "report"
    assert len(ran) == len(set(ran)) == 29
    return folder


def test_every_iteration_has_its_tables(project: Path) -> None:
    generations = pl.read_parquet(project / "data/generations/iter2/*.parquet")
    history = pl.read_parquet(project / "data/history/iter2/*.parquet")

    assert generations.height == 16 * 4
    assert generations.select("prompt_id", "sample").n_unique() == generations.height
    assert sorted(path.name for path in (project / "data/history/iter2").iterdir()) == [
        "iter0.parquet",
        "iter1.parquet",
        "iter2.parquet",
    ]
    assert history["iteration"].unique().sort().to_list() == [1, 2]
    earlier = (project / "data/history/iter1/iter1.parquet").read_bytes()
    assert (project / "data/history/iter2/iter1.parquet").read_bytes() == earlier


def test_no_model_saw_a_held_out_prompt(project: Path) -> None:
    held_out = pl.concat([pl.read_parquet(project / f"data/prompts/{split}.parquet") for split in ("dev", "test")])
    trained = pl.concat(
        [
            pl.read_parquet(project / f"data/{table}").select("prompt_id")
            for table in ("mixes/all/train.parquet", "prompts/iter1.parquet", "prompts/iter2.parquet")
        ]
    )

    assert held_out.height == 16
    assert held_out.join(trained, on="prompt_id").is_empty()


def test_reports_say_what_the_tables_say(project: Path) -> None:
    report = json.loads((project / "reports/evaluate/iter1.json").read_text())
    answered = pl.read_parquet(project / "data/evaluations/iter1.parquet").filter(pl.col("split") == "test")
    cleaning = pl.read_csv(project / "reports/cleaning.csv")

    assert report["prompts"] == answered.height == 8
    assert report["gold_reward"] == pytest.approx(answered["gold_reward"].mean(), abs=1e-5)
    assert cleaning.group_by("source").agg(pl.col("rows").sum()).sort("source").rows() == [
        ("world_chats", 500),
        ("world_pairs", 400),
        ("world_prompts", 120),
    ]
    mixes = pl.read_csv(project / "reports/mixes.csv")
    table5 = pl.read_csv(project / "reports/table5.csv")
    kept = pl.read_parquet(project / "data/preferences/world_pairs.parquet")
    assert mixes["rows"].sum() == kept.height == table5["pairs"][0]
    assert table5["prompts"][0] == kept["prompt_id"].n_unique()
    assert (project / "reports/index.html").read_text().startswith("<!DOCTYPE html>")


def test_the_readme_s_queries_answer(project: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    assert len(blocks) == 1

    done = subprocess.run([sys.executable, "-c", blocks[0]], cwd=project, check=True, text=True, capture_output=True)

    assert "responses" in done.stdout
    assert "held_out_prompt" in done.stdout


def test_nothing_changed_runs_nothing(project: Path) -> None:
    assert stages_run(dvc(project, "repro")) == []


def test_a_comment_in_plumbing_runs_nothing(project: Path) -> None:
    for plumbing in ("tables.py", "cli.py", "params.py", "schemas.py"):
        with (project / "rlhf_data" / plumbing).open("a") as file:
            file.write("# a comment\n")

    assert stages_run(dvc(project, "repro")) == []


def test_a_length_penalty_spares_what_it_cannot_change_and_comes_back_from_the_run_cache(project: Path) -> None:
    before = pl.read_parquet(project / "data/pairs/iter1.parquet")
    set_param(project, "pair", "length_penalty", 0.5)
    output = dvc(project, "repro")
    ran = stages_run(output)

    same = before.join(
        pl.read_parquet(project / "data/pairs/iter1.parquet"), on=["prompt_id", "chosen", "rejected"]
    ).height
    assert 0 < same < before.height
    assert rows_of(output)["history-iter1"][1] == same  # log-probabilities of pairs that stay are not computed again
    assert ran[0] == "pair@iter1"
    upstream = ("ingest", "mix", "tokenizer", "prompts", "train_sft", "train_reward", "generate@iter1", "score@iter1")
    assert not set(ran) & {*upstream, "evaluate@iter0", "offline"}

    set_param(project, "pair", "length_penalty", 0.01)
    assert stages_run(dvc(project, "repro")) == []


def test_more_prompts_cost_what_is_new_even_in_a_clone_that_has_pulled_nothing(project: Path, tmp_path: Path) -> None:
    git(project, "add", "-A")
    git(project, "commit", "-qm", "first")
    dvc(project, "remote", "add", "-d", "--local", "store", str(tmp_path / "store"))
    dvc(project, "push", "-q")
    git(tmp_path, "clone", "-q", str(project), "clone")
    clone = tmp_path / "clone"
    dvc(clone, "remote", "add", "-d", "--local", "store", str(tmp_path / "store"))
    old = pl.read_parquet(project / "data/generations/iter1/*.parquet")

    set_param(clone, "prompts", "per_iteration", 17)
    output = dvc(clone, "repro", "--pull", "pair@iter1")

    assert (
        {"generate@iter1", "score@iter1"}
        <= set(stages_run(output))
        <= {"prompts", "generate@iter1", "score@iter1", "pair@iter1"}
    )
    wanted, reused, recovered, computed = rows_of(output)["generations-iter1"]
    assert (wanted, reused, recovered, computed) == (17 * 4, 16 * 4, 0, 4)
    assert rows_of(output)["rewards-iter1"][3] <= 4
    new = pl.read_parquet(clone / "data/generations/iter1/*.parquet")
    assert new.head(old.height).equals(old)
    first = "data/generations/iter1/part-00000.parquet"
    assert (clone / first).read_bytes() == (project / first).read_bytes()  # so that it is not stored again


def test_a_fresh_run_uses_no_earlier_row_and_says_so(project: Path) -> None:
    old = pl.read_parquet(project / "data/generations/iter1/*.parquet")
    set_param(project, "generate", "fresh", True)
    output = dvc(project, "repro", "generate@iter1")
    set_param(project, "generate", "fresh", False)

    assert "fresh: true" in output
    assert rows_of(output)["generations-iter1"] == (64, 0, 0, 64)
    assert pl.read_parquet(project / "data/generations/iter1/*.parquet").equals(old)
    assert stages_run(dvc(project, "repro")) == []


def test_training_settings_compute_no_log_probability_again(project: Path) -> None:
    set_param(project, "train_policy", "beta", 0.2)
    output = dvc(project, "repro", "train_policy@iter1")
    set_param(project, "train_policy", "beta", 0.1)

    assert stages_run(output) == ["train_policy@iter1"]
    assert stages_run(dvc(project, "repro")) == []


def test_a_killed_stage_leaves_nothing_half_written_and_a_rerun_ends_the_same(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = make_project(tmp_path_factory.mktemp("other"))
    with subprocess.Popen(
        [sys.executable, "-m", "dvc", "repro"], cwd=other, env=environment(), stdout=-3, stderr=-3
    ) as running:
        killed = kill_stage("stages.train_sft", running)
        assert running.wait() != 0
    assert killed
    assert not (other / "data/models/iter0").exists()

    ran = stages_run(dvc(other, "repro"))

    assert ran[0] == "train_sft"
    assert not list(other.rglob("*.partial"))
    for path in MODEL_FREE:
        assert (other / path).read_bytes() == (project / path).read_bytes(), path
    for name in ("reports/reward.json", "reports/evaluate/iter2.json", "reports/pair/iter2.json"):
        ours, theirs = (json.loads((folder / name).read_text()) for folder in (other, project))
        assert flat(ours) == pytest.approx(flat(theirs), abs=1e-6), name


def kill_stage(module: str, running: subprocess.Popen[bytes]) -> bool:
    while running.poll() is None:
        for process in Path("/proc").glob("[0-9]*"):
            try:
                is_stage = module.encode() in (process / "cmdline").read_bytes().split(b"\0")
                parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue  # it has ended meanwhile
            if is_stage and running.pid in (parent, parent_of(parent)):  # dvc starts a stage through a shell
                time.sleep(4)  # into its middle: it starts for longer than that
                os.kill(int(process.name), signal.SIGKILL)
                return True
        time.sleep(0.1)
    return False


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def flat(report: dict[str, Any]) -> dict[str, float]:
    rows = pl.json_normalize([report]).row(0, named=True)
    return {name: value for name, value in rows.items() if isinstance(value, int | float)}
