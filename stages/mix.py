"""preferences → one mix: its train and test side, no prompt on both, and what the caps leave over."""

from pathlib import Path

from rlhf_data import cli, mixes, params, tables
from rlhf_data.schemas import Preferences


def main(preferences: Path, out: Path) -> None:
    profile = params.load()
    mix = mixes.mix(
        tables.read(preferences, Preferences),
        held_out=profile.held_out,
        max_pairs=profile.mix.max_pairs,
        max_test_pairs=profile.mix.max_test_pairs,
        seed=profile.seed,
    )
    for name, side in mix._asdict().items():
        tables.write(side, out / f"{name}.parquet", Preferences)
    print(f"{mix.train.height} pairs to train on, {mix.test.height} to test on, {mix.unused.height} unused")


if __name__ == "__main__":
    cli.run(main)
