"""what every step dropped → `data/rejects/<source>.parquet` and `mixes/<mix>.parquet`, and each rule's records."""

from pathlib import Path

from rlhf_data import cleaning, cli, tables
from rlhf_data.schemas import Counts, MixRejects, Rejects


def main(counts: Path, ingest: Path, prompts: Path, mixes: Path, rejects: Path, report: Path) -> None:
    ingested = tables.read(counts, Counts)
    early, late = (tables.read(path, Rejects) for path in (ingest, prompts))

    dropped = cleaning.by_source(ingested["source"].to_list(), [early, late])

    tables.write_parts(dropped.items(), rejects, Rejects)
    tables.write_parts(tables.read_parts(mixes, MixRejects).items(), rejects / "mixes", MixRejects)
    tables.write_csv(cleaning.report(ingested, dropped, late), report)


if __name__ == "__main__":
    cli.run(main)
