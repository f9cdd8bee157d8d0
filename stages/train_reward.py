"""the mix + π₀ → the Bradley–Terry reward model, and its accuracy on the mix's held-out pairs."""

from pathlib import Path

from rlhf_data import cli, metrics, params, responses, scorers, tables, trainers
from rlhf_data.schemas import Preferences


def main(mix: Path, initial: Path, out: Path, log: Path, report: Path) -> None:
    profile = params.load()
    section = profile.train_reward
    train, test = (tables.read(mix / f"{side}.parquet", Preferences) for side in ("train", "test"))

    def save(folder: Path) -> None:
        base = initial if section.base == "iter0" else section.base
        steps = trainers.train_reward(
            section, train, base, seed=profile.seed, work=tables.JOURNAL / "reward", out=folder
        )
        tables.write_csv(steps, log)

    tables.atomically(out, save)

    scorer = scorers.open_scorer(out, profile.score, max_length=section.max_length)
    sides = [scorer.score(responses.conversations(test, turn=side)) for side in ("chosen", "rejected")]
    tables.write_json(metrics.reward_accuracy(test, *sides), report)


if __name__ == "__main__":
    cli.run(main)
