"""A small project for tests of sharing: valid tables made by hand, a dvc.yaml whose stages do nothing, Git and DVC.

Nothing is trained: `dvc commit` writes dvc.lock for the tables that are there.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import warnings
from contextlib import chdir, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import polars as pl
import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from rlhf_data import commands, hashing
from rlhf_data.loop import responses
from rlhf_data.schemas import Generations, History, Instructions, Pairs, Preferences, Prompts, Rewards
from rlhf_data.storage import tables
from rlhf_data.world import records

ROOT = Path(__file__).parents[1]
SAMPLES = 2
OUTS = {
    "ingest": ["data/preferences", "data/instructions/train.parquet"],
    "mix": ["data/mixes"],
    "prompts": ["data/prompts"],
    "generate@iter1": ["data/generations/iter1"],
    "score@iter1": ["data/rewards/iter1.parquet"],
    "pair@iter1": ["data/pairs/iter1.parquet"],
    "history@iter1": ["data/history/iter1"],
}
CONFIG = """[core]
    analytics = false
    remote = origin
['remote "origin"']
    url = {remote}
    verify = true
"""
PROMPTS = [
    {"prompt_id": hashing.conversation_id(record["prompt"]), "source": "world", "row": row, "prompt": record["prompt"]}
    for row, record in enumerate(records.records("prompts", 60, seed=1))
]
ENVIRONMENT = {
    **os.environ,
    **{f"GIT_{who}_{what}": text for who in ("AUTHOR", "COMMITTER")
       for what, text in (("NAME", "Zoo"), ("EMAIL", "zoo@example.org"))},
    "DVC_NO_ANALYTICS": "1",
    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    "COLUMNS": "400",
    "HF_HUB_OFFLINE": "1",
}  # fmt: skip


def run(*command: str, cwd: Path) -> str:
    """What a command prints; it must end well."""
    done = subprocess.run(command, cwd=cwd, env=ENVIRONMENT, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def dvc(*arguments: str, cwd: Path) -> str:
    """What `dvc` prints, run in this process: to start it costs more than what it does here."""
    from dvc.cli import main

    out, error = StringIO(), StringIO()
    with (
        chdir(cwd), redirect_stdout(out), redirect_stderr(error),
        warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch,
    ):  # fmt: skip
        warnings.simplefilter("ignore")  # DVC's are DVC's to mend
        patch.setattr(sys, "argv", ["dvc", *arguments])  # which DVC reads too
        status = main(list(arguments))
    assert status == 0, out.getvalue() + error.getvalue()
    return out.getvalue()


def git(*arguments: str, cwd: Path) -> str:
    return run("git", *arguments, cwd=cwd)


def command(*arguments: str, cwd: Path, code: int = 0) -> str:
    """What `rlhf-data` prints, run in this process; errors raised on purpose pass through."""
    with chdir(cwd):
        done = CliRunner().invoke(commands.app, arguments)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.output
    return done.stdout


def stored(store: Path, oid: str) -> Path:
    return store / "files/md5" / oid[:2] / oid[2:]


def oids(project: Path) -> dict[str, str]:
    """The hash of every file that dvc.lock names, and of each folder's list of files."""
    found = {}
    for stage in YAML(typ="safe").load(project / "dvc.lock")["stages"].values():
        for out in stage["outs"]:
            found[out["path"]] = out["md5"]
            if out["md5"].endswith(".dir"):
                listing = json.loads(stored(project / ".dvc/cache", out["md5"]).read_text())
                found |= {f"{out['path']}/{entry['relpath']}": entry["md5"] for entry in listing}
    return found


def answers(prompt_ids: list[str]) -> pl.DataFrame:
    """Responses to each prompt, each with a text of its own, as `Generations`."""
    rows = [
        {"prompt_id": one, "sample": sample, "response": text, "response_chars": len(text), "seed": seed}
        for one in prompt_ids
        for sample in range(SAMPLES)
        for text, seed in [(f"I think {one} after {sample} others.", hashing.row_seed(0, one, sample))]
    ]
    same = {"iteration": 1, "response_tokens": 9, "finish_reason": "stop", "temperature": 1.0, "job": "ab12"}
    return pl.DataFrame(rows).with_columns(**{name: pl.lit(value) for name, value in same.items()})


def write_tables(folder: Path, *, prompts: int = 48, penalty: float = 0.0) -> None:
    """Every kind of table that people share, of the first `prompts` prompts; `penalty` changes rewards and pairs."""
    data = folder / "data"
    said = answers([str(one["prompt_id"]) for one in PROMPTS[:prompts]])
    asked = pl.DataFrame(PROMPTS[:prompts]).with_columns(prompt_tokens=5, reference=pl.lit(None, dtype=pl.String))
    scored = said.select("prompt_id", "sample", "iteration", "job").with_columns(
        reward=pl.col("sample") - penalty,
        judge=pl.lit("reward"),
        response_id=pl.Series([hashing.content_id(text) for text in said["response"]]),
    )
    first, second = (said.filter(pl.col("sample") == sample).get_column("response") for sample in range(SAMPLES))
    sides = asked.select("prompt_id", "source", "row", "prompt").with_columns(chosen=second, rejected=first)
    pair = sides.select("prompt_id", "prompt", "chosen", "rejected").with_columns(
        iteration=1, chosen_sample=1, rejected_sample=0, chosen_reward=1 - penalty, rejected_reward=-penalty, margin=1
    )
    compared = sides.with_columns(
        pair_id=pl.Series([f"pair{number}" for number in range(prompts)]), annotator=pl.lit("human"),
        chosen_score=1.0, rejected_score=0.0, margin=1.0, label_probability=0.9,
    )  # fmt: skip
    turn = pl.concat_list(pl.struct(role=pl.lit("assistant"), content="chosen"))
    talks = sides.select("source", "row", messages=pl.col("prompt").list.concat(turn), conversation_id="prompt_id")

    parts = responses.parts(said, prompts=16)
    tables.write_parts(parts.items(), data / "generations/iter1", Generations)
    tables.write(scored, data / "rewards/iter1.parquet", Rewards)
    tables.write(asked, data / "prompts/iter1.parquet", Prompts)
    tables.write(asked.clear(), data / "prompts/test.parquet", Prompts)
    tables.write(pair, data / "pairs/iter1.parquet", Pairs)
    referred = pair.with_columns(ref_chosen_logps=-2.0, ref_rejected_logps=-3.0, job=pl.lit("cd34"))
    tables.write_parts([("iter1", referred)], data / "history/iter1", History)
    tables.write(compared, data / "preferences/world_pairs.parquet", Preferences)
    tables.write(compared.head(prompts // 2), data / "mixes/all/train.parquet", Preferences)
    tables.write(compared.tail(prompts - prompts // 2), data / "mixes/all/test.parquet", Preferences)
    tables.write(talks, data / "instructions/train.parquet", Instructions)


def copy(origin: Path, folder: Path, *, remote: str | None = None) -> Path:
    """The project anew in a folder of a test's own, and beside it its remote, unless it shall have another."""
    shutil.copytree(origin, folder / "project", symlinks=True)
    if remote is None:
        shutil.copytree(origin.with_name("store"), folder / "store")
    (folder / "project/.dvc/config").write_text(CONFIG.format(remote=remote or folder / "store"))
    return folder / "project"


def clone(project: Path, folder: Path) -> Path:
    """A fresh clone with the project's remote, that has pulled nothing."""
    git("clone", "-q", str(project), str(folder), cwd=project)
    shutil.copy(project / ".dvc/config", folder / ".dvc/config")
    return folder


def make(folder: Path, *, remote: Path | str) -> Path:
    """A project with its tables committed, tagged v1, and pushed to the default remote, `origin`."""
    folder.mkdir(parents=True)
    shutil.copytree(ROOT / "params", folder / "params")
    for name in ("params.yaml", ".dvcignore"):
        shutil.copy(ROOT / name, folder / name)
    stages = {name.split("@")[0]: _stage(name, outs) for name, outs in OUTS.items()}
    with (folder / "dvc.yaml").open("w") as file:
        YAML().dump({"stages": stages}, file)
    (folder / ".gitignore").write_text("/data/*\n")
    write_tables(folder)
    git("init", "-q", cwd=folder)
    dvc("init", "-q", cwd=folder)
    (folder / ".dvc/config").write_text(CONFIG.format(remote=remote))
    save(folder, "v1")
    return folder


def save(folder: Path, tag: str) -> None:
    """Commits the tables that are there, as a stage's run would, and tags them."""
    dvc("commit", "-q", "-f", cwd=folder)
    git("add", "-A", cwd=folder)
    git("commit", "-qm", tag, cwd=folder)
    git("tag", tag, cwd=folder)


def _stage(name: str, outs: list[str]) -> dict[str, object]:
    if "@" not in name:
        return {"cmd": "python -c pass", "outs": outs}
    each = {"cmd": "python -c pass", "outs": [out.replace("iter1", "${key}") for out in outs]}
    return {"foreach": {"iter1": {"prev": "iter0"}}, "do": each}


def flipped(content: bytes, bit: int) -> bytes:
    """The same bytes, one bit of which changed."""
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def flip(path: Path) -> None:
    """One byte of a file, changed; its times stay as they were."""
    content, times = bytearray(path.read_bytes()), path.stat()
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    path.chmod(times.st_mode)
