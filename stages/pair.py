"""Generations + rewards → pairs of the best and the worst response, by length-penalised reward."""

from itertools import starmap
from pathlib import Path

from rlhf_data import cli, params
from rlhf_data.loop import pairs
from rlhf_data.models import tokenizers
from rlhf_data.schemas import Generations, Pairs, Prompts, Rewards
from rlhf_data.storage import reports, tables


def main(prompts: Path, generations: Path, rewards: Path, tokenizer: Path, out: Path, report: Path) -> None:
    profile = params.load()
    pair = profile.pair
    # rewards are written in the order of the generations; they are still joined by key
    parts = tables.side_by_side((generations, Generations), (rewards, Rewards), rows=pairs.ROWS)
    found, summary = pairs.in_parts(
        starmap(pairs.with_rewards, parts),
        tables.read(prompts, Prompts),
        length_penalty=pair.length_penalty,
        min_margin=pair.min_margin,
        drop_truncated=pair.drop_truncated,
        fits=tokenizers.fitting(tokenizer, max_length=profile.train_policy.max_length),
    )
    tables.write(found, out, Pairs)
    reports.write_json(summary, report)


if __name__ == "__main__":
    cli.run(main)
