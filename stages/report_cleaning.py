"""What became of every record that was read: kept, or dropped by which rule, by source."""

from pathlib import Path

import polars as pl

from rlhf_data import cli
from rlhf_data.cleaning import ingest_counts
from rlhf_data.schemas import Counts, Rejects
from rlhf_data.storage import reports, tables


def main(counts: Path, test_counts: Path, ingest: Path, prompts: Path, tests: Path, report: Path) -> None:
    counted = pl.concat([tables.read(path, Counts) for path in (counts, test_counts)])
    early, of_tests, late = (tables.read(path, Rejects) for path in (ingest, tests, prompts))
    reports.write_csv(ingest_counts.report(counted, [early, of_tests], late), report)


if __name__ == "__main__":
    cli.run(main)
