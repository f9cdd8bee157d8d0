"""Rewards of the judges → the rewards that rank the responses: one judge's, or an ensemble's."""

from pathlib import Path

from rlhf_data import cli, params
from rlhf_data.judges import ensembles
from rlhf_data.schemas import Rewards
from rlhf_data.storage import tables


def main(scores: Path, out: Path) -> None:
    section = params.load().combine_rewards
    by_judge = {judge: tables.read(scores / f"{judge}.parquet", Rewards) for judge in section.judges}
    tables.write(ensembles.combined(by_judge, ensemble=section.ensemble), out, Rewards)


if __name__ == "__main__":
    cli.run(main)
