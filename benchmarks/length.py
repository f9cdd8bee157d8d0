"""The length reports on many rows: seconds of each, in one process after one run to warm up.

    python benchmarks/length.py --data ../shared/data                      89,277 verdicts on real answers (AlpacaEval)
    python benchmarks/length.py --data ../shared/data --heatmap heat.svg    and their heatmap, drawn

The real rewards are GPT-4's preferences for a model's response over a baseline's. The sweep of λ is measured on
160,000 rows, 8 to a prompt, with real texts and invented rewards.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import polars as pl

from rlhf_data import hashing
from rlhf_data.evaluation import length_bias, length_penalty
from rlhf_data.loop import pairs
from rlhf_data.reports import length_charts
from rlhf_data.sql import queries

JUDGES = ("weighted_alpaca_eval_gpt4_turbo", "alpaca_eval_gpt4")
ROWS, SAMPLES = 160_000, 8
PENALTIES = [step / 10_000 for step in range(50)]
Answer = TypeVar("Answer")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with generations/alpaca_eval_noncommercial")
    parser.add_argument("--heatmap", type=Path, help="where to draw the heatmap of the real rows")
    given = parser.parse_args()
    real = judged(given.data / "generations/alpaca_eval_noncommercial")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scores = write(real, folder / "real")
        drawn = measure("length report", lambda: report(scores))
        written = write(of_eights(real), folder / "eights")
        measure("λ sweep", lambda: sweep(written))
    if given.heatmap:
        given.heatmap.write_text(drawn, encoding="utf8")


def measure(name: str, run: Callable[[], Answer]) -> Answer:
    run()
    started, used = time.perf_counter(), time.process_time()
    answer = run()
    print(f"{name:14} {time.perf_counter() - started:6.2f} s ({time.process_time() - used:.2f} s CPU)", flush=True)
    return answer


def report(tables: dict[str, queries.Source]) -> str:
    """All that the stage does, but for writing; returns the heatmap."""
    by_prompt = queries.run("length_bias", tables)
    queries.run("reward_curve", tables, bins=10)
    found = length_bias.summary(by_prompt)
    cells = length_bias.cells(by_prompt, length_bins=10, correlation_bins=20)
    return length_charts.heatmap(cells, found, title="Reward and length, AlpacaEval").svg


def sweep(tables: dict[str, queries.Source]) -> pl.DataFrame:
    """All that the stage does of 50 penalties, reading included."""
    generations, rewards = (pl.read_parquet(str(tables[name])) for name in ("generations", "scores"))
    scored = pairs.with_rewards(generations, rewards)
    return length_penalty.sweep([scored], PENALTIES, length_penalty=0.001, min_margin=0.0, drop_truncated=True)


def judged(folder: Path) -> pl.DataFrame:
    """Real responses with `judge`, `iteration` (one of its own for each judge) and `reward`, ties 0.5.

    Two configurations of GPT-4 judged nearly all of them; some both. A verdict that is there twice counts once, and one
    that is null is left out and counted.
    """
    answers = pl.read_parquet(folder / "generations_annotated_models.parquet")
    verdicts = pl.read_parquet(folder / "annotations.parquet").filter(pl.col("output_2_in_generations"))
    tables = []
    for number, judge in enumerate(JUDGES, start=1):
        theirs = verdicts.filter(pl.col("annotator_config") == judge).unique(["model_dir", "instruction"])
        kept = theirs.drop_nulls("preference")
        print(f"{judge}: {kept.height} verdicts, {theirs.height - kept.height} null")
        preference = pl.when(pl.col("preference") == 0).then(0.5).otherwise(pl.col("preference") - 1)
        one = answers.join(
            kept.select("model_dir", "instruction", reward=preference), on=["model_dir", "instruction"], validate="1:1"
        ).sort("instruction", "model_dir")
        tables.append(
            one.select(
                prompt_id=pl.col("instruction").map_elements(hashing.content_id, return_dtype=pl.String),
                sample=pl.int_range(pl.len()).over("instruction").cast(pl.UInt8),
                response="output",
                reward="reward",
                judge=pl.lit(judge),
                iteration=pl.lit(number, dtype=pl.UInt8),
            )
        )
    return pl.concat(tables)


def of_eights(real: pl.DataFrame) -> pl.DataFrame:
    """ROWS rows of the real texts, SAMPLES to a prompt."""
    some = pl.concat([real, real]).head(ROWS)
    number = pl.int_range(pl.len())
    return some.with_columns(
        prompt_id=pl.format("{}", number // SAMPLES),
        sample=(number % SAMPLES).cast(pl.UInt8),
        iteration=pl.lit(1, dtype=pl.UInt8),
        judge=pl.lit("invented"),
        reward=pl.Series(np.random.default_rng(0).normal(size=some.height)),
    )


def write(rows: pl.DataFrame, folder: Path) -> dict[str, queries.Source]:
    folder.mkdir()
    one = rows.with_columns(finish_reason=pl.lit("stop"))
    chars = pl.col("response").str.len_chars().alias("response_chars")
    one.select("iteration", "prompt_id", "sample", "response", chars, "finish_reason").write_parquet(
        folder / "generations.parquet"
    )
    one.select("iteration", "prompt_id", "sample", "judge", pl.col("reward").cast(pl.Float32)).write_parquet(
        folder / "scores.parquet"
    )
    return {name: folder / f"{name}.parquet" for name in ("generations", "scores")}


if __name__ == "__main__":
    main()
