"""A training on several processes, as `accelerate launch` starts them: one model, one log, one writer."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from ruamel.yaml import YAML
from safetensors.numpy import load_file

from rlhf_data import hashing, params
from rlhf_data.schemas import History
from rlhf_data.storage import fingerprints, tables

ROOT = Path(__file__).parents[2]
PAIRS = 16
TIMEOUT_S = 240


@pytest.fixture(scope="module")
def project(policy_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("launch")
    shutil.copy(ROOT / "params.yaml", folder)
    shutil.copytree(ROOT / "params", folder / "params")
    yaml = YAML()
    profile = yaml.load(folder / "params/tiny.yaml")
    profile["train_policy"].update(epochs=2, batch_size=8, micro_batch_size=4, logging_steps=1, max_length=128)
    profile["prompts"]["max_tokens"] = 64
    yaml.dump(profile, folder / "params/tiny.yaml")
    shutil.copytree(policy_dir, folder / "data/models/iter0")
    prompts = [[{"role": "user", "content": f"What is {number} plus 1?"}] for number in range(PAIRS)]
    job = fingerprints.reference(policy_dir, params.load_profile("tiny", folder).train_policy)
    history = pl.DataFrame(
        {
            "iteration": 1,
            "prompt_id": [hashing.content_id(str(number)) for number in range(PAIRS)],
            "prompt": prompts,
            "chosen": [f"It is {number + 1}." for number in range(PAIRS)],
            "rejected": [f"It is {number}, I believe." for number in range(PAIRS)],
            "ref_chosen_logps": -20.0,
            "ref_rejected_logps": -30.0,
            "job": job,
        }
    )
    rows = pl.concat([History.create_empty(), history], how="diagonal_relaxed")
    tables.write(rows, folder / "data/history/iter1/iter1.parquet", History)
    return folder


def train(folder: Path, name: str, environment: dict[str, str]) -> subprocess.Popen[str]:
    models = ("--previous", "data/models/iter0", "--initial", "data/models/iter0")
    out = ("--iteration", "iter1", "--out", f"data/models/{name}", "--log", f"{name}.csv")
    return subprocess.Popen(
        [sys.executable, "-m", "stages.train_policy", "--history", "data/history/iter1", *models, *out],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(runs: list[subprocess.Popen[str]]) -> None:
    try:
        said = [run.communicate(timeout=TIMEOUT_S)[0] for run in runs]
    finally:
        for run in runs:
            run.kill()  # where one failed, the other waits for it
            run.wait()
    assert [run.returncode for run in runs] == [0] * len(runs), said


def test_two_processes_train_what_one_does(project: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = str(found.getsockname()[1])
    place = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    finish([train(project, "one", {})])
    finish([train(project, "two", {**place, "RANK": rank, "LOCAL_RANK": rank}) for rank in ("0", "1")])

    logs = [pl.read_csv(project / f"{name}.csv") for name in ("one", "two")]
    assert logs[1]["loss"].to_list() == pytest.approx(logs[0]["loss"].to_list(), abs=1e-5)
    assert logs[0]["loss"][-1] < logs[0]["loss"][0]
    one, two = (load_file(project / "data/models" / name / "model.safetensors") for name in ("one", "two"))
    assert one.keys() == two.keys()
    for weights in one:
        assert two[weights] == pytest.approx(one[weights], abs=1e-4)
    assert not list(project.glob("**/*.partial")) + list(project.glob("data/.journal/*/checkpoint-*"))
