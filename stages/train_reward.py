"""The mix + π₀ → the Bradley–Terry reward model."""

from pathlib import Path

from rlhf_data import cli, params
from rlhf_data.schemas import Preferences
from rlhf_data.storage import fingerprints, journal, reports, tables
from rlhf_data.storage.atomic import atomically
from rlhf_data.training import trainers


def main(mix: Path, initial: Path, out: Path, log: Path) -> None:
    profile = params.load()
    section = profile.train_reward
    rows = mix / "train.parquet"
    pairs = tables.read(rows, Preferences)
    base = initial if section.base == "iter0" else section.base

    with journal.folder("reward", fingerprints.training(section, rows, base, seed=profile.seed), of=out) as work:

        def train(folder: Path) -> None:
            steps = trainers.train_reward(section, pairs, base, seed=profile.seed, work=work, out=folder)
            reports.write_csv(steps, log)

        atomically(out, train)


if __name__ == "__main__":
    cli.run(main)
