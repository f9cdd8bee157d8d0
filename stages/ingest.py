"""raw sources → preferences, instructions, prompt pool, and every dropped record with the rule that dropped it."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from rlhf_data import cleaning, cli, filters, ids, params, readers, sources, tables
from rlhf_data.schemas import Counts, Instructions, Preferences, PromptPool, Rejects
from rlhf_data.world import records as world


def main(preferences: Path, instructions: Path, pool: Path, dropped: Path, counts: Path) -> None:
    profile = params.load()
    section = profile.ingest
    held_out = partial(ids.is_held_out, share=profile.held_out, seed=profile.seed)
    ingested = {}
    said: dict[str, str] = {}  # by the conversations of all sources
    for name, source in section.sources.items():
        raw: Iterator[object]
        if source.format == "world":
            raw = world.records(source.kind, source.rows, profile.seed)
        else:
            raw = readers.pinned(Path(section.root), source)
        seen = said if source.kind == "instructions" else {}
        parse = sources.parser(source.format, source.kind)
        cleaned = filters.clean(
            raw, parse, source=name, kind=source.kind, max_chars=section.max_chars, seen=seen, held_out=held_out
        )
        filters.refuse_nothing_kept(cleaned, name, source.format)
        print(f"{name}: {cleaned.raw} records, {cleaned.kept} kept", flush=True)
        ingested[name] = cleaned

    compared = {name: cleaned.table for name, cleaned in ingested.items() if cleaned.kind == "preferences"}
    tables.write_parts(compared.items(), preferences, Preferences)
    tables.write(cleaning.of_kind(ingested, "instructions"), instructions, Instructions)
    tables.write(cleaning.of_kind(ingested, "prompts"), pool, PromptPool)
    tables.write(cleaning.rejects(ingested), dropped, Rejects)
    tables.write(cleaning.counts(ingested), counts, Counts)


if __name__ == "__main__":
    cli.run(main)
