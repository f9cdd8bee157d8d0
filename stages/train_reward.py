"""The mix + π₀ → the Bradley–Terry reward model."""

from pathlib import Path

import polars as pl

from rlhf_data import cli, params
from rlhf_data.cleaning import rejects as refused
from rlhf_data.schemas import MixRejects, Preferences
from rlhf_data.storage import fingerprints, journal, reports, tables
from rlhf_data.storage.atomic import atomically
from rlhf_data.training import trainers


def main(mix: Path, initial: Path, out: Path, rejects: Path, log: Path) -> None:
    profile = params.load()
    section = profile.train_reward
    rows = mix / "train.parquet"
    pairs = tables.read(rows, Preferences)
    base = initial if section.base == "iter0" else section.base

    with journal.folder("reward", fingerprints.training(section, rows, base, seed=profile.seed), of=out) as work:

        def left_out(pair_ids: pl.Series) -> None:
            found = refused.of_training(pairs, pair_ids, mix=mix.name, max_length=section.max_length)
            tables.write(found, rejects, MixRejects)

        def train(folder: Path) -> None:
            steps = trainers.train_reward(
                section, pairs, base, seed=profile.seed, work=work, out=folder, left_out=left_out
            )
            reports.write_csv(steps, log)

        atomically(out, train)


if __name__ == "__main__":
    cli.run(main)
