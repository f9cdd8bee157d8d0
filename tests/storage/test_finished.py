"""A kill while DVC stores a stage's output: no row is computed twice, and the journal goes when DVC holds them."""

from __future__ import annotations

import json
import random
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import polars as pl
import pytest
import small_project
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from small_project import ENVIRONMENT, command, dvc

from rlhf_data.schemas import Rewards
from rlhf_data.storage import finished, tables

PARTS, KILLS = 60, 4
STAGE = f"""
import sys
from pathlib import Path
import polars as pl
from rlhf_data.schemas import Rewards
from rlhf_data.storage import journal, tables

OUT, LOG = Path("data/scores/iter1"), Path("computed.txt")
rows = [(str(part), sample, 1, "reward", "x", "j") for part in range({PARTS}) for sample in range(50)]
wanted = pl.DataFrame(rows, schema=Rewards.create_empty().drop("reward").schema, orient="row")

def computed(missing):
    for part in missing.partition_by("prompt_id", maintain_order=True):
        with LOG.open("a") as log:
            log.write(part["prompt_id"][0] + "\\n")
        yield part.with_columns(reward=pl.col("sample").cast(pl.Float32))

with journal.opened(OUT, Rewards, job="j", on=["prompt_id", "sample", "job"], values=["reward"], fresh=False) as found:
    found.keep(computed(found.missing(wanted)))
    filled = found.fill(wanted).select(Rewards.column_names()).partition_by("prompt_id", as_dict=True)
    tables.write_parts(((name, part) for (name,), part in filled.items()), OUT, Rewards)
Path("ended").touch()
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    small_project.git("init", "-q", cwd=folder)
    dvc("init", "-q", cwd=folder)
    (folder / "stage.py").write_text(STAGE)
    (folder / "dvc.yaml").write_text(
        "stages:\n  score:\n    cmd: python stage.py\n    deps: [turn]\n    outs: [data/scores/iter1]\n"
    )
    (folder / "turn").write_text("0")
    return folder


def killed(project: Path, seconds: float) -> bool:
    """Runs `dvc repro`, killed so long after the stage ended; False where it was over before."""
    (project / "ended").unlink(missing_ok=True)
    process = subprocess.Popen(
        ["dvc", "repro", "-q"], cwd=project, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not (project / "ended").exists() and process.poll() is None:
        time.sleep(0.002)
    time.sleep(seconds)
    process.kill()
    return process.wait() != 0


def without_cut_files(project: Path) -> None:
    """Removes what DVC had half written when it was killed, as docs/how-reuse-works.md says."""
    lock, holders = project / "dvc.lock", project / ".dvc/tmp/rwlock"
    with suppress(FileNotFoundError):
        try:
            whole = bool(YAML(typ="safe").load(lock.read_text())["stages"])
        except (YAMLError, KeyError, TypeError):
            whole = False
        if not whole:
            lock.unlink()
    with suppress(FileNotFoundError):
        try:
            json.loads(holders.read_text())
        except json.JSONDecodeError:
            holders.unlink()


def test_rows_outlive_a_kill_while_dvc_stores_them(project: Path) -> None:
    chance, kills = random.Random(0), 0
    for turn in range(KILLS):
        (project / "turn").write_text(str(turn))
        without_cut_files(project)
        kills += killed(project, chance.uniform(0, 0.4))
    (project / "turn").write_text("last")
    without_cut_files(project)
    dvc("repro", "-q", cwd=project)
    assert kills > 0
    assert sorted((project / "computed.txt").read_text().split(), key=int) == [str(part) for part in range(PARTS)]
    assert tables.read(project / "data/scores/iter1", Rewards).height == PARTS * 50
    dvc("status", "-q", cwd=project)

    command("clean", cwd=project)
    assert not list((project / "data/.journal").glob("*/*"))


def test_what_dvc_does_not_hold_stays(project: Path) -> None:
    dvc("repro", "-q", cwd=project)
    kept = project / "data/.journal/scores-iter1-j"
    (one, *_) = sorted((project / ".dvc/cache/files/md5").glob("??/*[!r]"))
    content = one.read_bytes()
    small_project.flip(one)  # a cache that is damaged holds nothing
    assert command("clean", cwd=project) == (
        "data/.journal/scores-iter1-j: kept, finished, but dvc.lock does not name its output: `dvc repro` goes on with "
        "it\n"
    )
    one.chmod(0o644)
    one.write_bytes(content)
    (kept.parent / "rewards-iter9-k").mkdir()
    said = command("clean", cwd=project).splitlines()
    assert said == [
        "data/.journal/scores-iter1-j: removed; DVC holds its output",
        "data/.journal/rewards-iter9-k: kept, not finished: `dvc repro` goes on with it",
    ]
    assert command("clean", "--all", cwd=project) == "data/.journal/rewards-iter9-k: removed\n"
    assert not kept.exists()


@pytest.mark.parametrize("cut", ["", "schema: '2.0'\nsta"])
@pytest.mark.parametrize("name", ["dvc.lock", ".dvc/tmp/rwlock"])
def test_files_that_a_kill_cut_are_named_and_go(project: Path, name: str, cut: str) -> None:
    dvc("repro", "-q", cwd=project)
    (project / name).write_text(cut)
    (project / "turn").write_text("1")
    tried = subprocess.run(["dvc", "repro"], cwd=project, env=ENVIRONMENT, text=True, capture_output=True)
    assert tried.returncode != 0
    assert name in tried.stderr
    without_cut_files(project)
    dvc("repro", "-q", cwd=project)
    assert sorted((project / "computed.txt").read_text().split(), key=int) == [str(part) for part in range(PARTS)]


def test_an_output_of_other_files_settles_nothing(project: Path) -> None:
    dvc("repro", "-q", cwd=project)
    work, out = project / "data/.journal/scores-iter1-j", project / "data/scores/iter1"
    table = pl.read_parquet(out / "0.parquet")
    tables.to_parquet(table.with_columns(reward=pl.lit(7, pl.Float32)), project / "other.parquet")
    (project / "other.parquet").replace(out / "0.parquet")
    finished.record(work, Path(out))
    assert finished.clean(work.parent, project=project) == []
    assert work.is_dir()


def test_what_a_kill_left_before_dvc_wrote_its_lock_file_is_kept_and_reused(project: Path) -> None:
    dvc("repro", "-q", cwd=project)
    work = project / "data/.journal/scores-iter1-j"
    lock = (project / "dvc.lock").read_text()
    (project / "dvc.lock").unlink()  # the output is there, and nothing names it
    assert finished.clean(work.parent, project=project) == []
    assert work.is_dir()
    (project / "dvc.lock").write_text(lock[: lock.index("    cmd:")])  # as a kill amid its writing leaves it
    with pytest.raises(AssertionError):
        dvc("repro", "-q", cwd=project)
    (project / "dvc.lock").unlink()
    dvc("repro", "-q", cwd=project)
    assert sorted((project / "computed.txt").read_text().split(), key=int) == [str(part) for part in range(PARTS)]
