"""generations + rewards → pairs: the best and the worst response to each prompt, length-penalised."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from rlhf_data import cli, params
from rlhf_data.loop import pairs
from rlhf_data.schemas import Generations, Pairs, Prompts, Rewards
from rlhf_data.storage import tables

ROWS = 500_000  # that are in memory at once


def main(prompts: Path, generations: Path, rewards: Path, out: Path, report: Path) -> None:
    pair = params.load().pair
    found, summary = pairs.in_parts(
        scored(generations, rewards),
        tables.read(prompts, Prompts),
        length_penalty=pair.length_penalty,
        min_margin=pair.min_margin,
        drop_truncated=pair.drop_truncated,
    )
    tables.write(found, out, Pairs)
    tables.write_json(summary, report)


def scored(generations: Path, rewards: Path) -> Iterator[pl.DataFrame]:
    start = 0
    for part in tables.batches(generations, Generations, rows=ROWS):
        # rewards are written in the order of the generations; they are still joined by key
        yield pairs.with_rewards(part, tables.read(rewards, Rewards, rows=slice(start, start + part.height)))
        start += part.height
    yield pairs.with_rewards(part.clear(), tables.read(rewards, Rewards, rows=slice(start, None)))  # none is left over


if __name__ == "__main__":
    cli.run(main)
