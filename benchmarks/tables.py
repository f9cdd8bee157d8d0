"""Big tables through the stages that load no model: seconds and peak memory of each, start-up included.

    python benchmarks/tables.py --data ../shared/data     160,000 real responses (ZeroEval, AlpacaEval)
    python benchmarks/tables.py --synthetic 16000000      as many invented ones, 8 to a prompt, through `pair`

Each stage runs as a process of its own, as DVC would run it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import polars as pl
from processes import ROOT, measure

from rlhf_data import hashing, params
from rlhf_data.loop import history, responses
from rlhf_data.schemas import LOGPS, Generations, History, Pairs, Prompts, Rewards
from rlhf_data.storage import fingerprints, journal, tables

ROWS = 160_000
PART_PROMPTS = 500
PAIRS = 20_000  # an iteration
PAIR = [
    *("-m", "stages.pair", "--prompts", "data/prompts/iter1.parquet", "--generations", "data/generations/iter1"),
    *("--rewards", "data/rewards/iter1.parquet", "--out", "data/pairs/iter1.parquet", "--report", "pair.json"),
]
LENGTH_BIAS = """
from pathlib import Path
from rlhf_data.evaluation import length_bias
from rlhf_data.sql import queries
answer = queries.run(
    "length_bias",
    {"generations": Path("data/generations/iter1"), "scores": Path("data/rewards/iter1.parquet")},
)
print(length_bias.summary(answer))
"""
HISTORY = [
    *("-m", "stages.history", "--previous", "data/history/iter2", "--pairs", "data/pairs/all.parquet"),
    *("--reference", "data/models/iter0", "--iteration", "iter3", "--out", "data/history/iter3"),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with generations/zeroeval and generations/alpaca_eval_*")
    parser.add_argument("--synthetic", type=int, metavar="ROWS", help="invented responses instead, `pair` alone")
    given = parser.parse_args()
    if (given.data is None) == (given.synthetic is None):
        parser.error("give --data or --synthetic")
    data = given.data.resolve() if given.data else None
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "params").symlink_to(ROOT / "params")
        (Path(folder) / "params.yaml").symlink_to(ROOT / "params.yaml")
        os.chdir(folder)
        prepare = multiprocessing.get_context("spawn").Process(target=make, args=(data, given.synthetic))
        prepare.start()  # apart: a process's peak memory is at least its parent's
        prepare.join()
        if data:
            report("pair", PAIR)
            report("length report", ["-c", LENGTH_BIAS])
            report("history", HISTORY)
        else:
            report("pair", PAIR)


def make(data: Path | None, rows: int) -> None:
    if data:
        write(real(data), prompts=PART_PROMPTS)
        pairs_with_references()
    else:
        write(synthetic(rows), prompts=4 * PART_PROMPTS)


def report(name: str, command: list[str]) -> None:
    """Runs Python in a process of its own and prints what it took."""
    found = measure(command, folder=Path.cwd())
    took = f"{found.seconds:7.2f} s ({found.cpu_seconds:.2f} s CPU) {found.peak_gib:6.2f} GiB"
    print(f"{name:14} {took}  {found.said}", flush=True)


def real(data: Path) -> Iterator[pl.DataFrame]:
    """`prompt_id`, `prompt`, `sample` and `response` of real responses, up to 103 a prompt."""
    zeroeval = pl.read_parquet(data / "generations/zeroeval/generations.parquet", columns=["question", "output"])
    alpaca = pl.read_parquet(
        data / "generations/alpaca_eval_noncommercial/generations_annotated_models.parquet",
        columns=["instruction", "output"],
    )
    both = pl.concat([zeroeval, alpaca.rename({"instruction": "question"})]).head(ROWS).sort("question")
    print(f"{both.height} real responses to {both['question'].n_unique()} prompts")
    yield both.select(
        prompt_id=pl.col("question").map_elements(hashing.content_id, return_dtype=pl.String),
        question="question",
        sample=pl.int_range(pl.len()).over("question").cast(pl.UInt8),
        response="output",
    )


def synthetic(rows: int) -> Iterator[pl.DataFrame]:
    """The same columns, invented: 8 responses of about 300 characters to each prompt."""
    words = [f"{random.Random(n).randbytes(3).hex()} " for n in range(1000)]
    drawn = random.Random(0)
    for start in range(0, rows // 8, 100_000):
        texts = ["".join(drawn.choices(words, k=43)) for _ in range(20_000)]  # and each again, with another end
        prompts = [hashing.content_id(str(n)) for n in range(start, min(start + 100_000, rows // 8))]
        yield pl.DataFrame(
            {
                "prompt_id": [prompt for prompt in prompts for _ in range(8)],
                "question": [prompt for prompt in prompts for _ in range(8)],
                "sample": pl.Series(list(range(8)) * len(prompts), dtype=pl.UInt8),
                "response": [f"{texts[n % 20_000]}{n}" for n in range(8 * len(prompts))],
            }
        )


def write(tables_of: Iterator[pl.DataFrame], *, prompts: int) -> None:
    """Prompts, generations in parts, and rewards that a response's text decides."""
    asked, rewards = [], []

    def parts() -> Iterator[tuple[str, pl.DataFrame]]:
        number = 0
        for rows in tables_of:
            turn = pl.concat_list(pl.struct(role=pl.lit("user"), content="question"))
            unique = rows.unique("prompt_id", maintain_order=True)
            asked.append(
                unique.select(
                    "prompt_id",
                    prompt=turn,
                    source=pl.lit("benchmark"),
                    row=pl.lit(0, dtype=pl.UInt32),
                    prompt_tokens=pl.lit(0, dtype=pl.UInt32),
                    reference=pl.lit(None, dtype=pl.String),
                )
            )
            chars = pl.col("response").str.len_chars()
            answered = rows.drop("question").with_columns(
                iteration=pl.lit(1, dtype=pl.UInt8),
                response_chars=chars,
                response_tokens=chars // 4,
                finish_reason=pl.lit("stop"),
                temperature=pl.lit(1.0, dtype=pl.Float32),
                seed=pl.lit(0, dtype=pl.Int64),
                job=pl.lit("0" * fingerprints.HEX_DIGITS),
            )
            reward = ((pl.col("response").hash(0) % 1000).cast(pl.Float32) / 100).alias("reward")
            scored = responses.to_judge(answered, judge="reward", job="0" * fingerprints.HEX_DIGITS).with_columns(
                reward
            )
            rewards.append(scored.select(Rewards.column_names()))
            for part in responses.parts(answered, prompts=prompts).values():
                yield f"part-{number:05}", part
                number += 1

    tables.write_parts(parts(), Path("data/generations/iter1"), Generations)
    tables.write(pl.concat(asked), Path("data/prompts/iter1.parquet"), Prompts)
    tables.write(pl.concat(rewards), Path("data/rewards/iter1.parquet"), Rewards)


def pairs_with_references() -> None:
    """Three iterations of 20,000 pairs, as 160,000 rows in eights make; log-probabilities of the third journalled."""
    rows = pl.read_parquet("data/generations/iter1/*.parquet").join(
        pl.read_parquet("data/prompts/iter1.parquet").select("prompt_id", "prompt"), on="prompt_id"
    )
    first = rows.filter(pl.col("sample") == 0).select("prompt_id", rejected="response")
    against = rows.join(first, on="prompt_id").filter(pl.col("response") != pl.col("rejected"))
    number = pl.col("sample").cast(pl.String)
    pairs = against.select(
        (pl.col("prompt_id") + "-" + number).alias("prompt_id"),
        "iteration",
        "prompt",
        "rejected",
        chosen="response",
        chosen_sample="sample",
        rejected_sample=pl.lit(0, dtype=pl.UInt8),
        chosen_reward=pl.lit(1.0, dtype=pl.Float32),
        rejected_reward=pl.lit(0.0, dtype=pl.Float32),
        margin=pl.lit(1.0, dtype=pl.Float32),
    )
    Path("data/models/iter0").mkdir(parents=True)
    job = fingerprints.reference(Path("data/models/iter0"), params.load().train_policy)
    logps = {name: pl.lit(-1.0, dtype=pl.Float32) for name in LOGPS}
    parts = {}
    for t in (1, 2, 3):
        some = pairs[(t - 1) * PAIRS : t * PAIRS].with_columns(iteration=pl.lit(t, dtype=pl.UInt8))
        parts[f"iter{t}"] = history.referred(some, job=job).with_columns(**logps)
    new = parts.pop("iter3")
    tables.write(new.select(Pairs.column_names()), Path("data/pairs/all.parquet"), Pairs)
    earlier = [(name, part.select(History.column_names())) for name, part in parts.items()]
    tables.write_parts(earlier, Path("data/history/iter2"), History)
    kept = journal.Rows(journal.JOURNAL / f"history-iter3-{job}", History, on=history.REFERRED, values=LOGPS)
    kept.keep(new.iter_slices(2000))


if __name__ == "__main__":
    main()
