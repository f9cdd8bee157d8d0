"""Mixes → counts of kept and dropped comparisons by source and rule, and one data card per mix."""

from functools import partial
from pathlib import Path

import polars as pl

from rlhf_data import cli, params
from rlhf_data.cleaning import mix_counts, mixes
from rlhf_data.reports import mix_card
from rlhf_data.schemas import Counts, MixRejects, Preferences
from rlhf_data.sources import formats
from rlhf_data.storage import reports, tables
from rlhf_data.storage.atomic import atomically


def main(counts: Path, made: Path, rejects: Path, table5: Path, report: Path, out: Path) -> None:
    project, profile = params.project(), params.load()
    ingested, figures = tables.read(counts, Counts), reports.curve(table5)
    dropped, found = tables.read_parts(rejects, MixRejects), []
    abouts = {name: formats.about(one.format) for name, one in profile.ingest.sources.items()}
    origins = mix_card.origins(profile.ingest.sources, abouts, seed=profile.seed)
    for name, wanted in profile.mix.items():
        sides = {side: tables.read(made / name / f"{side}.parquet", Preferences) for side in mixes.Mix._fields}
        found.append(mix_counts.of_mix(name, wanted.sources, sides=sides, dropped=dropped[name], ingested=ingested))
        card = mix_card.card(
            name, account=found[-1], origins=origins, figures=figures, wanted=wanted, rules=profile.clean,
            profile=project.profile, held_out=profile.held_out, seed=profile.seed,
        )  # fmt: skip
        atomically(out / f"{name}.md", partial(Path.write_text, data=card, encoding="utf8"))
    reports.write_csv(pl.concat(found), report)


if __name__ == "__main__":
    cli.run(main)
