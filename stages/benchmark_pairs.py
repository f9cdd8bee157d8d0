"""Benchmarks + the mix's test side → the comparisons that judges are tested on, and the dropped records."""

from pathlib import Path

import polars as pl

from rlhf_data import cli, notes, params
from rlhf_data.cleaning import ingest, ingest_counts
from rlhf_data.evaluation import reward_tests
from rlhf_data.schemas import Counts, Preferences, Rejects, RewardTests
from rlhf_data.sources import formats, raw
from rlhf_data.storage import tables


def main(mix: Path, out: Path, rejects: Path, counts: Path) -> None:
    profile = params.load()
    section, seed = profile.benchmark_pairs, profile.seed
    own = tables.read(mix / "test.parquet", Preferences)
    tests = [reward_tests.held_out(own, most=section.held_out_pairs, seed=seed)]
    ingested = {}
    for test, subset, source in section.sources():
        records = list(raw.records(source, Path(section.root)))
        parse, name = (
            formats.with_subset(source.format, "preferences", vars(source) | {"seed": seed}),
            f"{test}.{subset}",
        )
        cleaned = ingest.of_source(records, parse, source, name=name, max_chars=section.max_chars, seed=seed)
        notes.say(f"{name}: {cleaned.raw} records, {cleaned.kept} kept, {cleaned.table.height} pairs")
        named = [formats.subset(source.format, records[row]) or subset for row in cleaned.table["row"]]
        tests.append(reward_tests.of_test(test, cleaned.table, named))
        ingested[name] = cleaned
    tables.write(reward_tests.all_tests(tests), out, RewardTests)
    tables.write(pl.concat([Rejects.create_empty(), *(one.rejects for one in ingested.values())]), rejects, Rejects)
    tables.write(ingest_counts.counts(ingested), counts, Counts)


if __name__ == "__main__":
    cli.run(main)
