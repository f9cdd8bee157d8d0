"""Dropped rows of every step → rejects by source, test and mix, and counts by source and rule."""

from pathlib import Path
from typing import NamedTuple

import polars as pl

from rlhf_data import cli
from rlhf_data.cleaning import ingest_counts
from rlhf_data.schemas import Counts, MixRejects, Rejects
from rlhf_data.storage import reports, tables


class Paths(NamedTuple):
    """What every step counted and dropped, and where the account goes."""

    counts: Path
    test_counts: Path
    ingest: Path
    prompts: Path
    tests: Path
    mixes: Path
    rejects: Path
    report: Path


def main(at: Paths) -> None:
    counted = pl.concat([tables.read(path, Counts) for path in (at.counts, at.test_counts)])
    early, tests, late = (tables.read(path, Rejects) for path in (at.ingest, at.tests, at.prompts))

    dropped = ingest_counts.by_source(counted["source"].to_list(), [early, tests, late])

    tables.write_parts(dropped.items(), at.rejects, Rejects)
    tables.write_parts(tables.read_parts(at.mixes, MixRejects).items(), at.rejects / "mixes", MixRejects)
    reports.write_csv(ingest_counts.report(counted, dropped, late), at.report)


if __name__ == "__main__":
    cli.run(main)
