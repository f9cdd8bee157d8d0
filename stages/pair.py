"""generations + rewards → pairs: the best and the worst response to each prompt, length-penalised."""

from pathlib import Path

from rlhf_data import cli, pairs, params, tables
from rlhf_data.schemas import Generations, Pairs, Prompts, Rewards


def main(prompts: Path, generations: Path, rewards: Path, out: Path, report: Path) -> None:
    pair = params.load().pair
    scored = pairs.with_rewards(tables.read(generations, Generations), tables.read(rewards, Rewards))

    found, reasons = pairs.best_worst(
        scored,
        tables.read(prompts, Prompts),
        length_penalty=pair.length_penalty,
        min_margin=pair.min_margin,
        drop_truncated=pair.drop_truncated,
    )

    tables.write(found, out, Pairs)
    tables.write_json(pairs.summary(scored, found, reasons), report)


if __name__ == "__main__":
    cli.run(main)
