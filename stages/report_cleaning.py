"""Dropped rows of every step → rejects by source and mix, and counts by source and rule."""

from pathlib import Path

from rlhf_data import cli
from rlhf_data.cleaning import ingest_counts
from rlhf_data.schemas import Counts, MixRejects, Rejects
from rlhf_data.storage import reports, tables


def main(counts: Path, ingest: Path, prompts: Path, mixes: Path, rejects: Path, report: Path) -> None:
    ingested = tables.read(counts, Counts)
    early, late = (tables.read(path, Rejects) for path in (ingest, prompts))

    dropped = ingest_counts.by_source(ingested["source"].to_list(), [early, late])

    tables.write_parts(dropped.items(), rejects, Rejects)
    tables.write_parts(tables.read_parts(mixes, MixRejects).items(), rejects / "mixes", MixRejects)
    reports.write_csv(ingest_counts.report(ingested, dropped, late), report)


if __name__ == "__main__":
    cli.run(main)
