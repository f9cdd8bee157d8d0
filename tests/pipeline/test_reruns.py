"""The pipeline through real DVC after a change, a kill, and in a clone: what runs again, and what is the same."""

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
from typing import NamedTuple

import polars as pl
import pytest
from projects import ENVIRONMENT, copied, dvc, git, rows_of, set_param, stages_run

MODEL_FREE = {  # stages that load no model, and what they make of it
    "ingest": [
        "data/preferences/world_pairs.parquet",
        "data/instructions/train.parquet",
        "data/prompt_pool.parquet",
        "data/extras.parquet",
        "data/rejects/ingest.parquet",
        "data/counts.parquet",
    ],
    "tokenizer": ["data/models/tokenizer/tokenizer.json"],
    "lengths": ["data/lengths/world_pairs.parquet"],
    "mix": ["data/mixes/all/train.parquet", "data/mixes/all/test.parquet", "data/rejects/mixes/all.parquet"],
    "prompts": ["data/prompts/iter1.parquet", "data/prompts/dev.parquet"],
    "report_cleaning": ["reports/cleaning.csv"],
    "table5": ["reports/table5.csv"],
    "report_mixes": ["reports/cards/all.md", "reports/mixes.csv"],
}


@pytest.fixture(scope="module")
def project(small_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy that the tests of this file change; each leaves it as it was."""
    return copied(small_project, tmp_path_factory.mktemp("reruns"))


def test_nothing_changed_runs_nothing(project: Path) -> None:
    assert stages_run(dvc(project, "repro")) == []


def test_a_comment_in_plumbing_runs_nothing(project: Path) -> None:
    for plumbing in ("storage/tables.py", "cli.py", "params/profiles.py", "schemas.py"):
        with (project / "rlhf_data" / plumbing).open("a") as file:
            file.write("# a comment\n")

    assert stages_run(dvc(project, "repro")) == []


@pytest.fixture
def clone(small_project: Path, tmp_path: Path) -> Path:
    """A clone as Git for Windows makes it, its tables checked out of the cache; nothing in it has run yet."""
    git(tmp_path, "clone", "-q", "-c", "core.autocrlf=true", str(small_project), "clone")
    folder = tmp_path / "clone"
    dvc(folder, "config", "--local", "cache.dir", str(small_project / ".dvc/cache"))
    dvc(folder, "checkout", "-q")
    return folder


def test_git_that_writes_crlf_changes_no_hash(clone: Path) -> None:
    assert dvc(clone, "status").strip().endswith("up to date.")


def test_what_python_and_desktops_leave_beside_code_and_tables_runs_nothing(clone: Path) -> None:
    subprocess.run([sys.executable, "-m", "compileall", "-q", "rlhf_data", "stages"], cwd=clone, check=True)
    folders = [path for room in ("rlhf_data", "stages") for path in (clone / room).rglob("*") if path.is_dir()]
    assert [path for path in folders if path.name == "__pycache__"]
    for folder in (*folders, clone / "data/preferences", clone / "data/models/iter0"):
        for name in (".DS_Store", "Thumbs.db", ".kept.swp", "kept~"):
            (folder / name).write_text("no code and no rows")

    assert dvc(clone, "status").strip().endswith("up to date.")
    assert stages_run(dvc(clone, "repro")) == []


class Changed(NamedTuple):
    """What another length penalty does to a project, which is then as it was."""

    before: pl.DataFrame  # the pairs of iteration 1
    after: pl.DataFrame
    output: str  # of `dvc repro train_policy@iter1`
    files: list[bytes]  # what is made of `CHANGED`
    metrics: str
    plots: str
    stale: set[str]  # what the whole pipeline would run then
    back: list[str]  # stages that run once the old penalty is back


CHANGED = ("data/pairs/iter1.parquet", "data/history/iter1/iter1.parquet", "data/models/iter1/model.safetensors")


@pytest.fixture(scope="module")
def changed(project: Path) -> Changed:
    pairs = project / "data/pairs/iter1.parquet"
    before = pl.read_parquet(pairs)
    set_param(project, "pair", "length_penalty", 0.4)
    output = dvc(project, "repro", "train_policy@iter1")
    found = (pl.read_parquet(pairs), output, [(project / path).read_bytes() for path in CHANGED])
    metrics, plots = dvc(project, "metrics", "diff"), dvc(project, "plots", "show", "reports/train/iter1.csv")
    stale = set(json.loads(dvc(project, "status", "--json")))
    set_param(project, "pair", "length_penalty", 0.01)
    return Changed(before, *found, metrics, plots, stale, stages_run(dvc(project, "repro")))


def test_a_length_penalty_spares_what_it_cannot_change_and_comes_back_from_the_run_cache(
    project: Path, changed: Changed
) -> None:
    same = changed.before.join(changed.after, on=["prompt_id", "chosen", "rejected"]).height
    assert 0 < same < changed.before.height
    # log-probabilities of pairs that stay are not computed again
    assert rows_of(changed.output)["history-iter1"][1] == same
    assert stages_run(changed.output) == ["pair@iter1", "history@iter1", "train_policy@iter1"]
    assert "reports/pair/iter1.json" in changed.metrics
    assert (project / "dvc_plots/index.html").as_uri() in changed.plots
    assert {"generate@iter2", "evaluate@iter1", "pair@iter2"} <= changed.stale
    upstream = {"ingest", "mix", "tokenizer", "prompts", "train_sft", "train_reward", "train_preference"}
    upstream |= {"offline_history", "generate@iter1", "score@iter1-reward", "combine_rewards@iter1", "evaluate@iter0"}
    assert not changed.stale & upstream
    assert changed.back == []


def test_more_prompts_cost_what_is_new_even_in_a_clone_that_has_pulled_nothing(
    small_project: Path, tmp_path: Path
) -> None:
    pushed = copied(small_project, tmp_path)
    git(tmp_path, "clone", "-q", str(pushed), "clone")
    clone = tmp_path / "clone"
    old = pl.read_parquet(pushed / "data/generations/iter1/*.parquet")

    set_param(clone, "prompts", "per_iteration", 17)
    output = dvc(clone, "repro", "--pull", "pair@iter1")

    ran = {name.split("@")[0] for name in stages_run(output)}
    assert {"generate", "score"} <= ran <= {"prompts", "generate", "score", "combine_rewards", "pair"}
    wanted, reused, recovered, computed = rows_of(output)["generations-iter1"]
    assert (wanted, reused, recovered, computed) == (17 * 4, 16 * 4, 0, 4)
    assert rows_of(output)["scores-iter1-reward"][3] <= 4
    new = pl.read_parquet(clone / "data/generations/iter1/*.parquet")
    assert new.head(old.height).equals(old)
    first = "data/generations/iter1/part-00000.parquet"
    assert (clone / first).read_bytes() == (pushed / first).read_bytes()  # so that it is not stored again


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


def statuses(folder: Path) -> list[str]:
    told = subprocess.run(["rlhf-data", "status"], cwd=folder, env=ENVIRONMENT, text=True, stdout=-1, check=True)
    return [line.partition(" [")[0] for line in told.stdout.splitlines()]  # without times, which differ


def test_two_repros_at_once_end_as_one(small_project: Path, tmp_path: Path, changed: Changed) -> None:
    other = copied(small_project, tmp_path)
    assert statuses(other)[-1].endswith(" fresh, 0 stale, 0 after")
    set_param(other, "pair", "length_penalty", 0.4)
    lines = statuses(other)
    assert "stale  profile: params modified" in lines
    assert "stale  pair@iter1, iter2: pair.length_penalty 0.01 → 0.4" in lines
    assert "after  history@iter1: pair" in lines
    assert not [one for one in lines if one.startswith("fresh  pair")]
    command = [sys.executable, "-m", "dvc", "repro", "train_policy@iter1"]
    both = [subprocess.Popen(command, cwd=other, env=ENVIRONMENT, stdout=-1, stderr=-2, text=True) for _ in range(2)]
    said = [one.communicate()[0] for one in both]
    ended = [one.returncode for one in both]

    assert 0 in ended, said
    for status, words in zip(ended, said, strict=True):
        assert "Traceback" not in words
        assert status == 0 or any(one in words for one in ("is busy", "Unable to acquire lock", "another process"))
    dvc(other, "repro", "train_policy@iter1")
    assert [(other / path).read_bytes() for path in CHANGED] == changed.files
    assert json.loads(dvc(other, "status", "--json", "train_policy@iter1")) == {}


def test_a_clock_that_goes_back(small_project: Path, tmp_path: Path, changed: Changed) -> None:
    other = copied(small_project, tmp_path)
    for number, path in enumerate(sorted(one for one in other.rglob("*") if one.is_file() and ".git" not in one.parts)):
        os.utime(path, (4102444800 - number,) * 2)  # 2100: all that is written from now on is older

    assert stages_run(dvc(other, "repro")) == []
    set_param(other, "pair", "length_penalty", 0.4)
    output = dvc(other, "repro", "train_policy@iter1")
    for stage, reason in (("pair", "pair.length_penalty 0.01 → 0.4"), ("history", "data/pairs/iter1.parquet changed")):
        assert re.search(rf"^{stage}@iter1: done in .*\({reason}\)$", output, re.MULTILINE)
    assert stages_run(output) == ["pair@iter1", "history@iter1", "train_policy@iter1"]
    assert rows_of(output)["history-iter1"][1] > 0
    assert [(other / path).read_bytes() for path in CHANGED] == changed.files


def test_a_history_of_another_reference_is_refused(small_project: Path, tmp_path: Path) -> None:
    other = copied(small_project, tmp_path)
    shutil.rmtree(other / "data/models/iter0")
    shutil.copytree(other / "data/models/iter1", other / "data/models/iter0")
    for stage in ("history@iter2", "train_policy@iter1"):
        command = [sys.executable, "-m", "dvc", "repro", "--single-item", stage]
        done = subprocess.run(command, cwd=other, env=ENVIRONMENT, capture_output=True, text=True, check=False)
        assert done.returncode != 0
        assert re.search(r"data/history/iter1.*: the log-probabilities of (\d+) of \1 pairs are of an", done.stderr)


def test_stages_without_a_model_make_the_same_bytes_again(small_project: Path, tmp_path: Path) -> None:
    other = copied(small_project, tmp_path)

    output = dvc(other, "repro", "--force", "--single-item", *MODEL_FREE)

    assert stages_run(output) == list(MODEL_FREE)
    for path in [path for paths in MODEL_FREE.values() for path in paths]:
        assert (other / path).read_bytes() == (small_project / path).read_bytes(), path


def test_a_killed_training_leaves_nothing_half_written_and_a_rerun_ends_the_same(
    small_project: Path, tmp_path: Path
) -> None:
    other = copied(small_project, tmp_path)
    command = [sys.executable, "-m", "dvc", "repro", "--force", "--single-item", "train_sft"]
    with subprocess.Popen(command, cwd=other, env=ENVIRONMENT, stdout=-3, stderr=-3) as running:
        kill_in_its_middle("stages.train_sft", running, checkpoints=other / "data/.journal")
        assert running.wait() != 0
    assert not (other / "data/models/iter0").exists()

    output = dvc(other, "repro", "--force", "--single-item", "train_sft")

    assert "train_sft: goes on from step" in output
    assert not list(other.rglob("*.partial"))
    for path in ("model.safetensors", "tokenizer.json", "config.json"):
        ours, theirs = (folder / "data/models/iter0" / path for folder in (other, small_project))
        assert ours.read_bytes() == theirs.read_bytes(), path
    assert (other / "reports/sft.json").read_bytes() == (small_project / "reports/sft.json").read_bytes()
    assert json.loads(dvc(other, "status", "--json")) == {}


def kill_in_its_middle(module: str, running: subprocess.Popen[bytes], *, checkpoints: Path) -> None:
    """Kills the stage that `running` has started, once it has saved a whole checkpoint."""
    while not list(checkpoints.glob("*/checkpoint-*/whole")):
        assert running.poll() is None, "it ended before it was killed"
        time.sleep(0.02)
    os.kill(stage_of(module, running.pid), signal.SIGKILL)


def stage_of(module: str, dvc_pid: int) -> int:
    for process in Path("/proc").glob("[0-9]*"):
        try:
            is_stage = module.encode() in (process / "cmdline").read_bytes().split(b"\0")
            parent = parent_of(int(process.name))
            if is_stage and dvc_pid in (parent, parent_of(parent)):  # dvc starts a stage through a shell
                return int(process.name)
        except OSError:
            continue  # it has ended meanwhile
    pytest.fail(f"{module} is not running")


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
