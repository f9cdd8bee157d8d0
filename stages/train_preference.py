"""The mix + π₀ → the pairwise preference model."""

from pathlib import Path

from rlhf_data import cli, params
from rlhf_data.judges import both_orders
from rlhf_data.schemas import Preferences
from rlhf_data.storage import fingerprints, journal, reports, tables
from rlhf_data.storage.atomic import atomically
from rlhf_data.training import pairwise_model


def main(mix: Path, initial: Path, out: Path, log: Path) -> None:
    profile = params.load()
    section = profile.train_preference
    rows = mix / "train.parquet"
    shown = both_orders.shown(tables.read(rows, Preferences), positions=section.positions, seed=profile.seed)
    base = initial if section.base == "iter0" else section.base

    with journal.folder("preference", fingerprints.training(section, rows, base, seed=profile.seed), of=out) as work:

        def train(folder: Path) -> None:
            steps = pairwise_model.train_preference(section, shown, base, seed=profile.seed, work=work, out=folder)
            reports.write_csv(steps, log)

        atomically(out, train)


if __name__ == "__main__":
    cli.run(main)
