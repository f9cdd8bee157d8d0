"""Rewards and lengths → correlations by prompt, their means, the penalty that undoes them, and the heatmap's cells."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from rlhf_data.errors import TableError
from rlhf_data.evaluation import length_bias
from rlhf_data.reports import length_charts
from rlhf_data.sql import queries

ROOT = Path(__file__).parents[2]
ALPACA = ROOT.parent / "shared" / "data" / "generations" / "alpaca_eval_noncommercial"

# judge, prompt, sample, characters, reward: in b all rewards are equal, in c all lengths, d has one response
ROWS = [
    ("zoo", "a", 0, 10, 1.0),
    ("zoo", "a", 1, 20, 3.0),
    ("zoo", "a", 2, 30, 2.0),
    ("zoo", "b", 0, 10, 0.5),
    ("zoo", "b", 1, 90, 0.5),
    ("zoo", "c", 0, 40, 1.0),
    ("zoo", "c", 1, 40, 4.0),
    ("zoo", "d", 0, 40, 1.0),
    ("zoo", "e", 0, 10, 2.0),
    ("zoo", "e", 1, 30, 2.0),
    ("zoo", "e", 2, 30, -1.0),
]
UNDEFINED = ["b", "c", "d"]


def write(folder: Path, rows: pl.DataFrame) -> dict[str, Any]:
    """Both tables of rows with `judge`, `prompt_id`, `sample`, `response_chars` and `reward`."""
    table = rows.with_columns(iteration=pl.lit(1, dtype=pl.UInt8))
    key = ["iteration", "prompt_id", "sample"]
    table.unique(key).select(*key, "response_chars").write_parquet(folder / "generations.parquet")
    table.select(*key, "judge", "reward").write_parquet(folder / "scores.parquet")
    return {"generations": folder / "generations.parquet", "scores": folder / "scores.parquet"}


def literal(rows: list[tuple[str, str, int, int, float]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["judge", "prompt_id", "sample", "response_chars", "reward"], orient="row")


@pytest.fixture(scope="module")
def invented() -> pl.DataFrame:
    rng = np.random.default_rng(0)
    chars = rng.integers(1, 5000, size=4000)
    rewards = [rng.normal(size=4000) + chars * slope for slope in (0.0002, -0.0001)]
    return pl.concat(
        pl.DataFrame(
            {
                "judge": judge,
                "prompt_id": [f"{n // 8:04}" for n in range(4000)],
                "sample": [n % 8 for n in range(4000)],
                "response_chars": chars,
                "reward": reward.astype(np.float32),
            }
        )
        for judge, reward in zip(("likes length", "dislikes it"), rewards, strict=True)
    )


def real() -> pl.DataFrame:
    """GPT-4's preferences for 58 models' answers to the AlpacaEval prompts."""
    judge = "weighted_alpaca_eval_gpt4_turbo"
    key = ["model_dir", "instruction"]
    verdicts = pl.read_parquet(ALPACA / "annotations.parquet").filter(pl.col("annotator_config") == judge).unique(key)
    answers = pl.read_parquet(ALPACA / "generations_annotated_models.parquet").join(verdicts, on=key, validate="1:1")
    return answers.select(
        judge=pl.lit(judge),
        prompt_id="instruction",
        sample=pl.int_range(pl.len()).over("instruction"),
        response_chars=pl.col("output").str.len_chars(),
        reward="preference",
    )


def by_numpy(rows: pl.DataFrame) -> dict[tuple[Any, ...], float | None]:
    """The correlations again, by numpy."""
    found: dict[tuple[Any, ...], float | None] = {}
    for key, some in rows.partition_by("judge", "prompt_id", as_dict=True).items():
        chars, rewards = some["response_chars"].to_numpy(), some["reward"].to_numpy().astype(float)
        constant = len(set(chars)) < 2 or len(set(rewards)) < 2
        found[key] = None if constant else float(np.corrcoef(chars, rewards)[0, 1])
    return found


@pytest.mark.parametrize("kind", ["invented", pytest.param("real", marks=pytest.mark.skipif(
    not ALPACA.exists(), reason="the real AlpacaEval answers are not there"))])  # fmt: skip
def test_correlations_are_those_of_numpy(kind: str, invented: pl.DataFrame, tmp_path: Path) -> None:
    rows = invented if kind == "invented" else real()
    answer = queries.run("length_bias", write(tmp_path, rows))

    expected = by_numpy(rows)
    assert answer.height == len(expected) >= 805 - 5
    for *key, correlation in answer.select("judge", "prompt_id", "length_correlation").iter_rows():
        assert correlation == pytest.approx(expected[tuple(key)], abs=1e-9)
    if kind == "real":
        (found,) = length_bias.summary(answer).values()
        assert found["prompts"] == 805
        assert found["length_correlation_low"] > 0.4  # GPT-4 likes length
        assert found["longest_wins"] > found["longest_by_chance"]


def test_undefined_prompts_are_null_and_counted(tmp_path: Path) -> None:
    answer = queries.run("length_bias", write(tmp_path, literal(ROWS)))

    assert answer.filter(pl.col("length_correlation").is_null())["prompt_id"].to_list() == UNDEFINED
    (found,) = length_bias.summary(answer).values()
    assert (found["prompts"], found["undefined_prompts"]) == (5, 3)
    a, e = answer.filter(pl.col("prompt_id").is_in(["a", "e"]))["length_correlation"]
    assert a == pytest.approx(0.5)
    assert e == pytest.approx(-0.5)
    half = 1.96 * np.std([a, e], ddof=1) / math.sqrt(2)
    assert found["length_correlation"] == pytest.approx(0, abs=1e-6)
    assert found["length_correlation_high"] == pytest.approx(half, abs=1e-6)
    assert found["length_correlation_low"] == pytest.approx(-half, abs=1e-6)


def test_the_longest_wins_by_shares(tmp_path: Path) -> None:
    answer = queries.run("length_bias", write(tmp_path, literal(ROWS)))

    # a: its best is not its longest; e: of its two best, one is among its two longest; b, c and d say nothing
    shares = answer.select("prompt_id", "longest_wins", "longest_by_chance").rows()
    expected = {"a": (0.0, 1 / 3), "e": (0.5, 2 / 3)}
    assert shares == [(one, *expected.get(one, (None, None))) for one in "abcde"]


def test_no_defined_prompt_gives_nulls_and_a_heatmap(tmp_path: Path) -> None:
    rows = literal([row for row in ROWS if row[1] in UNDEFINED])
    answer = queries.run("length_bias", write(tmp_path, rows))
    found = length_bias.summary(answer)

    unknown = {name: value for name, value in found["zoo"].items() if value is None}
    assert len(unknown) == len(found["zoo"]) - 2
    assert found["zoo"]["undefined_prompts"] == found["zoo"]["prompts"] == 3
    cells = length_bias.cells(answer, length_bins=3, correlation_bins=4)
    assert cells.is_empty()
    drawn = length_charts.heatmap(cells, found, title="Zoo")
    assert drawn.alt == "Zoo: zoo no mean, 3 of 3 prompts undefined."


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (pl.col("reward") * math.nan, "a reward is no number: ., sample ., judge zoo"),
        (
            pl.when(pl.col("sample") == 2).then(math.inf).otherwise(pl.col("reward")),
            "no number: ., sample 2, judge zoo",
        ),
    ],
)
def test_a_reward_that_is_no_number_is_refused(change: pl.Expr, said: str, tmp_path: Path) -> None:
    tables = write(tmp_path, literal(ROWS).with_columns(change.alias("reward")))

    with pytest.raises(TableError, match=f"query length_bias: .*{said}"):
        queries.run("length_bias", tables)


def test_two_rewards_of_one_judge_are_refused_and_the_same_one_twice_is_one(tmp_path: Path) -> None:
    tables = write(tmp_path, literal(ROWS))
    once = length_bias.summary(queries.run("length_bias", tables))
    twice = {**tables, "scores": [tables["scores"], tables["scores"]]}
    assert length_bias.summary(queries.run("length_bias", twice)) == once

    other = tmp_path / "other.parquet"
    pl.read_parquet(tables["scores"]).with_columns(pl.col("reward") + 1).write_parquet(other)
    with pytest.raises(TableError, match="a response has two rewards of a judge"):
        queries.run("length_bias", {**tables, "scores": [tables["scores"], other]})


def test_a_judge_that_skipped_a_response_is_an_error(invented: pl.DataFrame, tmp_path: Path) -> None:
    tables = write(tmp_path, invented)
    pl.read_parquet(tables["scores"]).slice(1).write_parquet(tables["scores"])

    with pytest.raises(TableError, match="a response has no reward: 0000, sample 0, judge likes length"):
        queries.run("length_bias", tables)


def test_the_balancing_penalty_balances(invented: pl.DataFrame, tmp_path: Path) -> None:
    first = length_bias.summary(queries.run("length_bias", write(tmp_path, invented)))
    assert first["likes length"]["balancing_penalty"] == pytest.approx(0.0002, abs=5e-5)
    assert first["dislikes it"]["balancing_penalty"] < 0

    found = {judge: one["balancing_penalty"] for judge, one in first.items()}
    penalty = pl.col("judge").replace_strict(found, return_dtype=pl.Float64)
    penalised = invented.with_columns(reward=pl.col("reward").cast(pl.Float64) - penalty * pl.col("response_chars"))
    again = length_bias.summary(queries.run("length_bias", write(tmp_path, penalised)))
    assert [one["length_correlation"] for one in again.values()] == pytest.approx([0, 0], abs=1e-5)


def test_cells_hold_every_defined_prompt_once(invented: pl.DataFrame, tmp_path: Path) -> None:
    answer = queries.run("length_bias", write(tmp_path, invented))
    cells = length_bias.cells(answer, length_bins=5, correlation_bins=4)

    by_row = cells.group_by("judge", "length_bin").agg(pl.col("prompts").sum())
    assert by_row["prompts"].sum() == 1000
    assert by_row["prompts"].is_between(95, 105).all()  # ties share a bin
    assert set(cells.select("low", "high").rows()) == {(-1.0, -0.5), (-0.5, 0.0), (0.0, 0.5), (0.5, 1.0)}
    mine = cells.filter(judge="likes length", length_bin=4, low=0.5)
    within = answer.filter(
        pl.col("judge") == "likes length",
        pl.col("response_chars").is_between(mine["chars_low"][0], mine["chars_high"][0]),
        pl.col("length_correlation") >= 0.5,
    )
    assert within.height == mine["prompts"][0]


def test_the_heatmap_says_what_it_shows(invented: pl.DataFrame, tmp_path: Path) -> None:
    answer = queries.run("length_bias", write(tmp_path, invented))
    cells = length_bias.cells(answer, length_bins=5, correlation_bins=4)
    drawn = length_charts.heatmap(cells, length_bias.summary(answer), title="Invented")

    assert drawn.svg.startswith("<svg")
    assert drawn.svg.count('aria-roledescription="rect mark"') == cells.height
    assert all(f">{judge}<" in drawn.svg for judge in ("likes length", "dislikes it"))
    assert "likes length mean 0." in drawn.alt
    assert "0 of 500 prompts undefined" in drawn.alt


def test_the_curve_within_prompts_leaves_out_what_prompts_differ_by(tmp_path: Path) -> None:
    # long answers are to easy prompts, and within a prompt length costs reward
    rows = [
        ("zoo", f"{n:02}", sample, 10 * n + sample, n - 2.0 * sample) for n in range(40) for sample in range(4)
    ]  # fmt: skip
    answer = queries.run("reward_curve", write(tmp_path, literal(rows)), bins=4)

    plain, within = (
        answer.filter(pl.col("within_prompt") == one).sort("response_chars")["reward"].to_list()
        for one in (False, True)
    )  # fmt: skip
    assert plain == sorted(plain)
    assert within == [3.0, 1.0, -1.0, -3.0]
    assert answer["responses"].sum() == 2 * len(rows)
