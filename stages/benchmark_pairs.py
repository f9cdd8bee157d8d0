"""benchmarks and the mix's own test side → the comparisons that judges are tested on, and every dropped record."""

from functools import partial
from pathlib import Path

import polars as pl

from rlhf_data import cli, params
from rlhf_data.cleaning import ingest
from rlhf_data.evaluation import reward_tests
from rlhf_data.schemas import Preferences, Rejects, RewardTests
from rlhf_data.sources import formats, hub, readers
from rlhf_data.storage import tables


def main(mix: Path, out: Path, dropped: Path) -> None:
    profile = params.load()
    section, seed = profile.benchmark_pairs, profile.seed
    own = tables.read(mix / "test.parquet", Preferences)
    tests = [reward_tests.held_out(own, most=section.held_out_pairs, seed=seed)]
    rejects: list[pl.DataFrame] = [Rejects.create_empty()]
    for test, parts in section.sets.items():
        for subset, source in parts.items():
            raw = list(readers.pinned(Path(section.root), source) if source.hub is None else hub.records(source))
            parse = formats.with_subset(source.format, "preferences", vars(source) | {"seed": seed})
            name = f"{test}/{subset}"
            clean = partial(ingest.clean, source=name, kind="preferences", max_chars=section.max_chars)
            cleaned = clean(raw, parse)
            ingest.refuse_nothing_kept(cleaned, name, source.format)
            if source.max_pairs_per_prompt is not None:
                cleaned = ingest.capped(cleaned, most=source.max_pairs_per_prompt, pick=source.pick, seed=seed)
            print(f"{name}: {cleaned.raw} records, {cleaned.kept} kept, {cleaned.table.height} pairs", flush=True)
            named = [formats.subset(source.format, raw[row]) or subset for row in cleaned.table["row"]]
            tests.append(reward_tests.of_test(test, cleaned.table, named))
            rejects.append(cleaned.rejects)
    tables.write(reward_tests.all_tests(tests), out, RewardTests)
    tables.write(pl.concat(rejects), dropped, Rejects)


if __name__ == "__main__":
    cli.run(main)
