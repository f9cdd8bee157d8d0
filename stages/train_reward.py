"""the mix + π₀ → the Bradley–Terry reward model."""

from pathlib import Path

from rlhf_data import cli, params, tables, trainers
from rlhf_data.schemas import Preferences


def main(mix: Path, initial: Path, out: Path, log: Path) -> None:
    profile = params.load()
    section = profile.train_reward
    pairs = tables.read(mix / "train.parquet", Preferences)
    base = initial if section.base == "iter0" else section.base

    def train(folder: Path) -> None:
        work = tables.JOURNAL / "reward"
        steps = trainers.train_reward(section, pairs, base, seed=profile.seed, work=work, out=folder)
        tables.write_csv(steps, log)

    tables.atomically(out, train)


if __name__ == "__main__":
    cli.run(main)
