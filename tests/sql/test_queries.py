"""Rows given literally → the rows that each question answers with."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from rlhf_data.errors import TableError
from rlhf_data.sql import queries
from rlhf_data.storage import reports

# prompt, sample, chars, finish_reason, reward; b's rewards are all equal, c's lengths are
FIRST = [
    ("a", 0, 10, "stop", 1.0),
    ("a", 1, 20, "stop", 2.0),
    ("a", 2, 30, "length", 3.0),
    ("b", 0, 10, "stop", 0.5),
    ("b", 1, 90, "stop", 0.5),
    ("c", 0, 40, "stop", 1.0),
    ("c", 1, 40, "stop", 4.0),
]
SECOND = [("d", 0, 5, "stop", 2.0), ("d", 1, 15, "stop", -2.0)]
THIRD = [("e", 0, 7, "stop", 1.0), ("e", 1, 7, "stop", 1.0)]
PAIRS = [("b", "zwölf", "no", 2.0, 0.5, 1.5), ("a", "yes", "never", 3.0, 1.0, 2.0)]  # zwölf: 5 characters, 6 bytes


def write(folder: Path, iteration: int, rows: list[tuple[str, int, int, str, float]]) -> dict[str, Path]:
    """One iteration's tables: generations as a folder of two parts, pairs only for the first iteration."""
    table = pl.DataFrame(
        rows, schema=["prompt_id", "sample", "response_chars", "finish_reason", "reward"], orient="row"
    ).with_columns(iteration=pl.lit(iteration, pl.UInt8))
    paths = {
        "generations": folder / "generations" / f"iter{iteration}",
        "rewards": folder / "rewards" / f"iter{iteration}.parquet",
        "pairs": folder / "pairs" / f"iter{iteration}.parquet",
    }
    for path in (paths["generations"], paths["rewards"].parent, paths["pairs"].parent):
        path.mkdir(parents=True, exist_ok=True)
    table.head(1).drop("reward").write_parquet(paths["generations"] / "part-00000.parquet")
    table.slice(1).drop("reward").write_parquet(paths["generations"] / "part-00001.parquet")
    table.select("iteration", "prompt_id", "sample", "reward").write_parquet(paths["rewards"])
    columns = ["prompt_id", "chosen", "rejected", "chosen_reward", "rejected_reward", "margin"]
    pl.DataFrame(PAIRS if iteration == 1 else PAIRS[:0], schema=columns, orient="row").with_columns(
        pl.lit(iteration, pl.UInt8).alias("iteration"),
        pl.lit([{"role": "user", "content": "Why?"}]).alias("prompt"),
        pl.col("chosen", "rejected").cast(pl.String),
        pl.col("chosen_reward", "rejected_reward", "margin").cast(pl.Float32),
    ).write_parquet(paths["pairs"])
    return paths


@pytest.fixture
def iterations(tmp_path: Path) -> dict[str, list[Path]]:
    found = [write(tmp_path, t, rows) for t, rows in enumerate([FIRST, SECOND, THIRD], start=1)]
    return {table: [paths[table] for paths in found] for table in found[0]}


def test_iterations(iterations: dict[str, list[Path]]) -> None:
    answer = queries.run("iterations", iterations)

    assert answer.columns == [
        *["iteration", "prompts", "responses", "reward", "response_chars", "truncated"],
        *["pairs", "chosen_chars", "rejected_chars", "margin"],
    ]
    assert answer.rows() == [
        (1, 3, 7, pytest.approx(12 / 7), pytest.approx(240 / 7), pytest.approx(1 / 7), 2, 4.0, 3.5, 1.75),
        (2, 1, 2, 0.0, 10.0, 0.0, 0, None, None, None),
        (3, 1, 2, 1.0, 7.0, 0.0, 0, None, None, None),
    ]


def test_examples_are_the_smallest_prompt_ids(iterations: dict[str, list[Path]]) -> None:
    turns = [{"role": "user", "content": "Why?"}]
    first = ("a", turns, "yes", "never", 3, 5, 3.0, 1.0, 2.0)
    second = ("b", turns, "zwölf", "no", 5, 2, 2.0, 0.5, 1.5)

    assert queries.run("examples", {"pairs": iterations["pairs"][0]}, prompts=1).rows() == [first]
    assert queries.run("examples", {"pairs": iterations["pairs"][0]}, prompts=9).rows() == [first, second]


def test_a_glob_and_a_folder_name_the_same_rows(iterations: dict[str, list[Path]], tmp_path: Path) -> None:
    generations = f"{tmp_path}/generations/*/*.parquet"
    globbed: dict[str, queries.Source] = {"generations": generations, "rewards": tmp_path / "rewards"}

    assert queries.run("iterations", {**iterations, **globbed}).equals(queries.run("iterations", iterations))


def test_a_response_without_a_reward_is_an_error(iterations: dict[str, list[Path]]) -> None:
    scores = iterations["rewards"][1]
    pl.read_parquet(scores).head(1).write_parquet(scores)

    with pytest.raises(TableError, match=r"query iterations: .*no reward: d, sample 1"):
        queries.run("iterations", iterations)


def test_a_missing_table_is_named(iterations: dict[str, list[Path]]) -> None:
    generations = pl.DataFrame({"iteration": [1]})  # a Python variable must not stand in for the table

    with pytest.raises(TableError, match=r"query iterations: .*generations does not exist"):
        queries.run("iterations", {})
    assert generations.height == 1


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"query examples: .*iter9\.parquet"):
        queries.run("examples", {"pairs": tmp_path / "iter9.parquet"}, prompts=1)


def test_a_missing_and_an_unknown_parameter_are_named(iterations: dict[str, list[Path]]) -> None:
    with pytest.raises(TableError, match=r"query examples: .*prompts"):
        queries.run("examples", {"pairs": iterations["pairs"][0]})
    with pytest.raises(TableError, match=r"query iterations: "):
        queries.run("iterations", iterations, prompts=1)


def test_an_unknown_question() -> None:
    with pytest.raises(TableError, match="query nonsense"):
        queries.run("nonsense", {})


def test_reports_are_read_back(tmp_path: Path) -> None:
    (tmp_path / "iter0.json").write_text('{"reward": 1.5, "gold_reward": null}')
    (tmp_path / "iter0.csv").write_text("step,loss\n1,0.5\n2,\n")

    assert reports.figures(tmp_path, ["iter0"]) == {"iter0": {"reward": 1.5, "gold_reward": None}}
    assert reports.curves(tmp_path, ["iter0"])["iter0"].rows() == [(1, 0.5), (2, None)]


def test_an_absent_report_is_named(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"iter7\.json: no such report"):
        reports.figures(tmp_path, ["iter7"])
    with pytest.raises(TableError, match=r"iter7\.csv: no such report"):
        reports.curves(tmp_path, ["iter7"])


def test_policies_are_held_against_the_first_one(tmp_path: Path) -> None:
    rows = [
        # policy, prompt, split, reward, gold, chars, ended
        ("iter0", "a", "test", 1.0, 0.5, 10, "stop"),
        ("iter0", "b", "test", 2.0, 0.5, 20, "length"),
        ("iter0", "c", "dev", 9.0, None, 90, "stop"),
        ("iter10", "a", "test", 2.0, 1.0, 30, "stop"),
        ("iter10", "b", "test", 2.0, 0.0, 40, "stop"),
        ("iter2", "a", "test", 0.0, None, 5, "stop"),
        ("iter2", "c", "dev", 10.0, None, 6, "stop"),
    ]
    names = ["policy", "prompt_id", "split", "reward", "gold_reward", "response_chars", "finish_reason"]
    path = tmp_path / "evaluations.parquet"
    pl.DataFrame(rows, schema=names, orient="row").write_parquet(path)
    assert queries.run("policies", {"evaluations": path}, split="test").rows() == [
        ("iter0", 2, 1.5, 0.5, 0.5, 15.0, 0.5),
        ("iter2", 1, 0.0, None, 0.0, 5.0, 0.0),
        ("iter10", 2, 2.0, 0.5, 0.75, 35.0, 0.0),
    ]
