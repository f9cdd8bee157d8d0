"""raw sources → preferences, instructions, prompt pool, and every dropped record with the rule that dropped it."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tqdm import tqdm

from rlhf_data import cli, hashing, params
from rlhf_data.cleaning import ingest, ingest_counts
from rlhf_data.params.sources import Source, WorldSource
from rlhf_data.schemas import Counts, Instructions, Preferences, PromptPool, Rejects
from rlhf_data.sources import formats, hub, readers
from rlhf_data.storage import tables
from rlhf_data.world import records as world


def main(preferences: Path, instructions: Path, pool: Path, dropped: Path, counts: Path) -> None:
    profile = params.load()
    section, seed = profile.ingest, profile.seed
    held_out = partial(hashing.is_held_out, share=profile.held_out, seed=seed)
    ingested = {}
    said: dict[str, str] = {}  # by the conversations of all sources
    for name, source in section.sources.items():
        raw = tqdm(records(source, Path(section.root), seed), desc=name, unit=" records", disable=None)
        seen = said if source.kind == "instructions" else {}
        parse = formats.parser(source.format, source.kind, vars(source) | {"seed": seed})
        cleaned = ingest.clean(
            raw, parse, source=name, kind=source.kind, max_chars=section.max_chars, seen=seen, held_out=held_out
        )
        ingest.refuse_nothing_kept(cleaned, name, source.format)
        if not isinstance(source, WorldSource) and source.max_pairs_per_prompt is not None:
            cleaned = ingest.capped(cleaned, most=source.max_pairs_per_prompt, pick=source.pick, seed=seed)
        print(f"{name}: {cleaned.raw} records, {cleaned.kept} kept", flush=True)
        ingested[name] = cleaned

    compared = {name: cleaned.table for name, cleaned in ingested.items() if cleaned.kind == "preferences"}
    tables.write_parts(compared.items(), preferences, Preferences)
    tables.write(ingest_counts.of_kind(ingested, "instructions"), instructions, Instructions)
    tables.write(ingest_counts.of_kind(ingested, "prompts"), pool, PromptPool)
    tables.write(ingest_counts.rejects(ingested), dropped, Rejects)
    tables.write(ingest_counts.counts(ingested), counts, Counts)


def records(source: Source, root: Path, seed: int) -> Iterator[object]:
    if isinstance(source, WorldSource):
        return world.records(source.kind, source.rows, seed)
    return readers.pinned(root, source) if source.hub is None else hub.records(source)


if __name__ == "__main__":
    cli.run(main)
