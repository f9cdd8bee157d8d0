"""Generating and scoring 4,000 rows, killed ten times at random moments: at most one part's work is lost each time."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from ruamel.yaml import YAML

from rlhf_data import ids, tables
from rlhf_data.schemas import Generations, Prompts, Rewards
from rlhf_data.world import records

ROOT = Path(__file__).parents[1]
PROMPTS, SAMPLES, PART_PROMPTS = 500, 8, 25
PART = PART_PROMPTS * SAMPLES
BAR = r"(?:generate|rewards):.*? (\d+)/\d+ \["
GENERATE = (
    "generate",
    "--prompts",
    "data/prompts/iter1.parquet",
    "--policy",
    "data/models/iter0",
    "--iteration",
    "iter1",
)
SCORE = ("score", "--prompts", "data/prompts/iter1.parquet", "--reward-model", "data/models/reward")


@pytest.fixture(scope="module")
def project(policy_dir: Path, reward_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("resume")
    shutil.copy(ROOT / "params.yaml", folder)
    shutil.copytree(ROOT / "params", folder / "params")
    change(folder, "generate", part_prompts=PART_PROMPTS, batch_size=50, max_tokens=24, max_model_len=128)
    change(folder, "score", part_prompts=PART_PROMPTS, batch_tokens=1024)
    shutil.copytree(policy_dir, folder / "data/models/iter0")
    shutil.copytree(reward_dir, folder / "data/models/reward")
    write_prompts(folder, PROMPTS)
    return folder


def change(folder: Path, section: str, **values: Any) -> None:
    yaml = YAML()
    profile = yaml.load(folder / "params/tiny.yaml")
    profile[section].update(values)
    yaml.dump(profile, folder / "params/tiny.yaml")


def write_prompts(folder: Path, number: int) -> None:
    turns = [record["prompt"] for record in records.records("prompts", number, seed=0)]
    columns = {
        "prompt_id": [ids.content_id(str(row)) for row in range(number)],
        "source": ["world"] * number,
        "row": list(range(number)),
        "prompt": turns,
        "prompt_tokens": [1] * number,
        "reference": [None] * number,
    }
    tables.write(
        pl.DataFrame(columns, schema=Prompts.create_empty().schema), folder / "data/prompts/iter1.parquet", Prompts
    )


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    name, *flags = arguments
    return subprocess.Popen(
        [sys.executable, "-m", f"stages.{name}", *flags],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
    )


def finish(folder: Path, *arguments: str) -> str:
    with start(folder, *arguments) as process:
        said, errors = process.communicate()
    assert process.returncode == 0, errors[-3000:]
    return said


def at_work(process: subprocess.Popen[str], rows: int = 1) -> str:
    """Returns, with what was said so far, once the bar has counted so many rows."""
    assert process.stderr is not None
    text = ""
    while process.poll() is None:
        text += process.stderr.read(1)
        if shown(text) >= rows:
            return text
    pytest.fail(f"the stage ended before it was at work: {text[-2000:]}")


def shown(errors: str) -> int:
    """Responses that the last bar counted."""
    return max((int(count) for count in re.findall(BAR, errors)), default=0)


def journalled(folder: Path) -> int:
    return sum(pl.read_parquet(part).height for part in folder.glob("data/.journal/*/[!.]*.parquet"))


def sums(said: str) -> tuple[int, ...]:
    """Rows wanted, from the previous version, from an interrupted run, to compute."""
    (line,) = [line for line in said.splitlines() if "rows wanted" in line]
    numbers = re.search(
        r"(\d+) rows wanted.*: (\d+) from the previous version, (\d+) from an interrupted run, (\d+) to", line
    )
    assert numbers is not None, line
    return tuple(int(number) for number in numbers.groups())


def killed_five_times(folder: Path, *command: str) -> None:
    drawn = random.Random(7)
    kept = 0
    for _ in range(5):
        with start(folder, *command) as process:
            said = at_work(process, drawn.randrange(1, 600))
            os.kill(process.pid, signal.SIGKILL)
            _, errors = process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert kept + shown(said + errors) - journalled(folder) <= PART
        kept = journalled(folder)
        assert not (folder / command[-1]).exists()
    wanted, _, recovered, computed = sums(finish(folder, *command))
    assert recovered == kept
    assert recovered + computed <= wanted == PROMPTS * SAMPLES


def test_ten_kills_lose_no_row_and_change_none(project: Path) -> None:
    finish(project, *GENERATE, "--out", "data/generations/whole")
    finish(project, *SCORE, "--generations", "data/generations/whole", "--out", "data/rewards/whole.parquet")

    killed_five_times(project, *GENERATE, "--out", "data/generations/iter1")
    killed_five_times(project, *SCORE, "--generations", "data/generations/iter1", "--out", "data/rewards/iter1.parquet")

    for table, schema in (("generations/{}", Generations), ("rewards/{}.parquet", Rewards)):
        whole, resumed = (tables.read(project / "data" / table.format(name), schema) for name in ("whole", "iter1"))
        exact = [name for name in whole.columns if name != "reward"]
        assert resumed.height == PROMPTS * SAMPLES
        assert resumed.select(exact).equals(whole.select(exact))
        if "reward" in whole.columns:
            # other batches round otherwise
            assert resumed["reward"].to_list() == pytest.approx(whole["reward"].to_list(), abs=1e-5)
    assert not list(project.glob("data/.journal/*/*.parquet"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_keeps_every_answer_that_was_ready(project: Path, number: signal.Signals) -> None:
    command = (*GENERATE, "--out", f"data/generations/{number.name.lower()}")
    with start(project, *command) as process:
        said = at_work(process)
        process.send_signal(number)
        _, errors = process.communicate()
    assert process.returncode == 130
    assert "interrupted; what was finished is kept" in errors
    assert journalled(project) >= shown(said + errors) > 0
    shutil.rmtree(project / "data/.journal")
