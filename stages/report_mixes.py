"""the mixes → what became of every comparison that each was offered, and a data card a mix."""

from functools import partial
from pathlib import Path

import polars as pl

from rlhf_data import accounts, cards, cli, params, queries, sources, tables
from rlhf_data.mixes import Mix
from rlhf_data.schemas import Counts, MixRejects, Preferences


def main(counts: Path, mixes: Path, dropped: Path, table5: Path, report: Path, out: Path) -> None:
    project, profile = params.project(), params.load()
    ingested, figures = tables.read(counts, Counts), queries.curve(table5)
    rejects = tables.read_parts(dropped, MixRejects)
    origins = {
        name: cards.origin(one, one.format, sources.about(one.format), seed=profile.seed)
        for name, one in profile.ingest.sources.items()
    }
    found = {}
    for name, wanted in profile.mix.items():
        sides = {side: tables.read(mixes / name / f"{side}.parquet", Preferences) for side in Mix._fields}
        found[name] = accounts.of_mix(name, wanted.sources, sides=sides, dropped=rejects[name], ingested=ingested)
        card = cards.card(
            name, account=found[name], origins=origins, figures=figures, wanted=wanted, rules=profile.clean,
            profile=project.profile, held_out=profile.held_out, seed=profile.seed,
        )  # fmt: skip
        tables.atomically(out / f"{name}.md", partial(Path.write_text, data=card, encoding="utf8"))
    tables.write_csv(pl.concat(found.values()), report)


if __name__ == "__main__":
    cli.run(main)
