"""Generations + rewards → pairs of the best and the worst response, by length-penalised reward; the others by rule."""

from itertools import starmap
from pathlib import Path
from typing import NamedTuple

from rlhf_data import cli, notes, params
from rlhf_data.loop import pair_counts, pairs
from rlhf_data.models import tokenizers
from rlhf_data.schemas import Generations, PairRejects, Pairs, Prompts, Rewards
from rlhf_data.storage import reports, tables


class Paths(NamedTuple):
    """What is paired, and where pairs, the responses that are in none, and the counts go."""

    prompts: Path
    generations: Path
    rewards: Path
    tokenizer: Path
    out: Path
    rejects: Path
    report: Path


def main(at: Paths) -> None:
    profile = params.load()
    pair = profile.pair
    # rewards are written in the order of the generations; they are still joined by key
    parts = tables.side_by_side((at.generations, Generations), (at.rewards, Rewards), rows=pairs.ROWS)
    made = pairs.in_parts(
        starmap(pairs.with_rewards, parts),
        tables.read(at.prompts, Prompts),
        length_penalty=pair.length_penalty,
        min_margin=pair.min_margin,
        drop_truncated=pair.drop_truncated,
        fits=tokenizers.fitting(at.tokenizer, max_length=profile.train_policy.max_length),
    )
    notes.say(pair_counts.account(made))
    tables.write(made.pairs, at.out, Pairs)
    tables.write(made.rejects, at.rejects, PairRejects)
    reports.write_json(pair_counts.summary(made), at.report)


if __name__ == "__main__":
    cli.run(main)
