"""Generating and scoring 2,000 rows, killed ten times at random moments: at most one part's work is lost each time."""

from __future__ import annotations

import multiprocessing
import os
import random
import re
import runpy
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest
from ruamel.yaml import YAML

from rlhf_data import hashing
from rlhf_data.schemas import Generations, Prompts, Rewards
from rlhf_data.storage import tables
from rlhf_data.world import records

ROOT = Path(__file__).parents[2]
PROMPTS, SAMPLES, PART_PROMPTS = 250, 8, 25
PART = PART_PROMPTS * SAMPLES
BAR = r"(?:generate|rewards):.*? (\d+)/\d+ \["
FORKS = multiprocessing.get_context("forkserver")
LLAMA, AUTO = "transformers.models.llama.modeling_llama", "transformers.models.auto.modeling_auto"
FORKS.set_forkserver_preload([LLAMA, AUTO, "dvc.repo", "rlhf_data.params", "rlhf_data.storage.journal"])
GENERATE = (
    "generate",
    "--prompts",
    "data/prompts/iter1.parquet",
    "--policy",
    "data/models/iter0",
    "--iteration",
    "iter1",
)
SCORE = ("score", "--prompts", "data/prompts/iter1.parquet", "--judge", "reward", "--model", "data/models/reward")


@pytest.fixture(scope="module")
def project(policy_dir: Path, reward_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("resume")
    shutil.copy(ROOT / "params.yaml", folder)
    shutil.copytree(ROOT / "params", folder / "params")
    change(folder, "generate", part_prompts=PART_PROMPTS, batch_size=50, max_tokens=24, max_model_len=128)
    change(folder, "prompts", max_tokens=96)
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
        "prompt_id": [hashing.content_id(str(row)) for row in range(number)],
        "source": ["world"] * number,
        "row": list(range(number)),
        "prompt": turns,
        "prompt_tokens": [1] * number,
        "reference": [None] * number,
    }
    tables.write(
        pl.DataFrame(columns, schema=Prompts.create_empty().schema), folder / "data/prompts/iter1.parquet", Prompts
    )


class Stage(NamedTuple):
    process: ForkServerProcess
    said: Path
    errors: Path

    def output(self) -> str:
        """Of standard output and error, once it has ended."""
        self.process.join()
        return self.said.read_text() + self.errors.read_text()


@contextmanager
def started(folder: Path, name: str, *flags: str) -> Iterator[Stage]:
    """A process of its own that runs a stage; it is forked where the libraries are loaded, which else takes longest."""
    said, errors = folder / "said.txt", folder / "errors.txt"
    for path in (said, errors):
        path.write_text("")
    process = FORKS.Process(target=run_stage, args=(folder, name, flags, said, errors))
    process.start()
    yield Stage(process, said, errors)
    process.join()
    process.close()


def run_stage(folder: Path, name: str, flags: tuple[str, ...], *streams: Path) -> None:
    """In the fork: what `python -m stages.<name>` does."""
    os.chdir(folder)
    for number, path in enumerate(streams, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_APPEND), number)
    sys.argv = [name, *flags]
    runpy.run_module(f"stages.{name}", run_name="__main__", alter_sys=True)


def finish(folder: Path, *arguments: str) -> str:
    with started(folder, *arguments) as stage:
        output = stage.output()
        assert stage.process.exitcode == 0, output[-3000:]
    return output


def wait_until_at_work(stage: Stage, rows: int = 1) -> bool:
    """Returns once the bar has counted so many rows; False where the kill before came too late to leave any."""
    while stage.process.is_alive():
        if shown(stage.errors.read_text(errors="replace")) >= rows:  # the last character may be half written
            return True
        time.sleep(0.005)
    if ", 0 to compute" in stage.output():
        return False
    pytest.fail(f"the stage ended before it was at work: {stage.output()[-2000:]}")


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
        with started(folder, *command) as stage:
            if not wait_until_at_work(stage, drawn.randrange(1, 300)):
                return
            stage.process.kill()
            counted = shown(stage.output())
            assert stage.process.exitcode == -signal.SIGKILL
        assert kept + counted - journalled(folder) <= PART
        kept = journalled(folder)
        assert not (folder / command[-1]).exists()
    wanted, _, recovered, computed = sums(finish(folder, *command))
    assert recovered == kept
    assert recovered + computed <= wanted == PROMPTS * SAMPLES


def test_ten_kills_lose_no_row_and_change_none(project: Path) -> None:
    finish(project, *GENERATE, "--out", "data/generations/whole")
    finish(project, *SCORE, "--generations", "data/generations/whole", "--out", "data/scores/whole/reward.parquet")

    killed_five_times(project, *GENERATE, "--out", "data/generations/iter1")
    killed_five_times(
        project, *SCORE, "--generations", "data/generations/iter1", "--out", "data/scores/iter1/reward.parquet"
    )

    for table, schema in (("generations/{}", Generations), ("scores/{}/reward.parquet", Rewards)):
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
    with started(project, *command) as stage:
        wait_until_at_work(stage)
        os.kill(stage.process.pid or 0, number)
        output = stage.output()
        assert stage.process.exitcode == 130
    assert "interrupted; what was finished is kept" in output
    assert journalled(project) >= shown(output) > 0
    shutil.rmtree(project / "data/.journal")
