"""Preferences + lengths → counts and mean lengths of each source, beside the paper's Table 5."""

from pathlib import Path

from rlhf_data import cli, params
from rlhf_data.cleaning import table5
from rlhf_data.schemas import Counts, Lengths, Preferences, Rejects
from rlhf_data.sources import formats
from rlhf_data.storage import reports, tables


def main(preferences: Path, lengths: Path, counts: Path, rejects: Path, report: Path) -> None:
    profile = params.load()
    counted = tables.read_parts(lengths, Lengths)
    found = {
        source: table5.figures(tables.read(preferences / f"{source}.parquet", Preferences), tokens)
        for source, tokens in counted.items()
    }
    abouts = {source: formats.about(profile.ingest.sources[source].format) for source in found}
    table = table5.table(found, abouts)
    ingested, dropped = tables.read(counts, Counts), tables.read(rejects, Rejects)
    table5.refuse_others(table, profile.table5.complete, ingested=ingested, rejects=dropped, abouts=abouts)
    reports.write_csv(table, report)


if __name__ == "__main__":
    cli.run(main)
