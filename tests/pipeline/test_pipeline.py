"""The pipeline itself, through real DVC: what a finished run of it has left."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from projects import dvc, stages_run

ROOT = Path(__file__).parents[2]


def test_every_stage_ran_once_from_sources_to_the_report(small_project: Path) -> None:
    ran = stages_run(small_project.with_name("repro.txt").read_text())

    assert ran[0] == "ingest"
    assert ran[-1] == "report"
    assert sorted(["profile", *ran]) == sorted(dvc(small_project, "stage", "list", "--name-only").split())


def test_every_iteration_has_its_tables(small_project: Path) -> None:
    data = small_project / "data"
    generations = pl.read_parquet(data / "generations/iter2/*.parquet")
    history = pl.read_parquet(data / "history/iter2/*.parquet")

    assert generations.height == 16 * 4
    assert generations.select("prompt_id", "sample").n_unique() == generations.height
    parts = ["iter0.parquet", "iter1.parquet", "iter2.parquet"]
    assert sorted(path.name for path in (data / "history/iter2").iterdir()) == parts
    assert history["iteration"].unique().sort().to_list() == [1, 2]
    earlier = (data / "history/iter1/iter1.parquet").read_bytes()
    assert (data / "history/iter2/iter1.parquet").read_bytes() == earlier


def test_no_model_saw_a_held_out_prompt(small_project: Path) -> None:
    data = small_project / "data"
    held_out = pl.concat([pl.read_parquet(data / f"prompts/{split}.parquet") for split in ("dev", "test")])
    trained = pl.concat(
        [
            pl.read_parquet(data / table).select("prompt_id")
            for table in ("mixes/all/train.parquet", "prompts/iter1.parquet", "prompts/iter2.parquet")
        ]
    )

    assert held_out.height == 16
    assert held_out.join(trained, on="prompt_id").is_empty()


def test_reports_say_what_the_tables_say(small_project: Path) -> None:
    data, reports = small_project / "data", small_project / "reports"
    report = json.loads((reports / "evaluate/iter1.json").read_text())
    answered = pl.read_parquet(data / "evaluations/iter1.parquet").filter(pl.col("split") == "test")
    cleaning = pl.read_csv(reports / "cleaning.csv")

    assert report["prompts"] == answered.height == 8
    assert report["gold_reward"] == pytest.approx(answered["gold_reward"].mean(), abs=1e-5)
    assert cleaning.group_by("source").agg(pl.col("rows").sum()).sort("source").rows() == [
        ("world_chats", 500),
        ("world_pairs", 400),
        ("world_prompts", 120),
    ]
    mixes = pl.read_csv(reports / "mixes.csv")
    table5 = pl.read_csv(reports / "table5.csv")
    kept = pl.read_parquet(data / "preferences/world_pairs.parquet")
    assert mixes["rows"].sum() == kept.height == table5["pairs"][0]
    assert table5["prompts"][0] == kept["prompt_id"].n_unique()
    assert (reports / "index.html").read_text().startswith("<!DOCTYPE html>")


def test_python_of_the_docs_answers_over_a_whole_run(small_project: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs/sql.md").read_text(encoding="utf8"), flags=re.DOTALL)
    said = ""
    for block in blocks:
        if '"v1"' not in block:  # a version that this run is not tagged as
            command = [sys.executable, "-c", block]
            said += subprocess.run(command, cwd=small_project, check=True, text=True, capture_output=True).stdout

    assert "'second_opinions'" in said
    assert "responses" in said
