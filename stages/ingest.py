"""Raw sources → preferences, instructions and prompt pool, and every dropped record with its rule."""

from functools import partial
from pathlib import Path

from tqdm import tqdm

from rlhf_data import cli, hashing, notes, params
from rlhf_data.cleaning import decontamination, ingest, ingest_counts
from rlhf_data.cleaning.instructions import decontaminated
from rlhf_data.params.sources import Drawn
from rlhf_data.schemas import Counts, Extras, Instructions, Preferences, PromptPool, Rejects
from rlhf_data.sources import drawn, formats, raw, readers
from rlhf_data.storage import tables


def main(preferences: Path, instructions: Path, pool: Path, extras: Path, rejects: Path, counts: Path) -> None:
    profile = params.load()
    section, seed = profile.ingest, profile.seed
    held_out = partial(hashing.is_held_out, share=profile.held_out, seed=seed)
    markup = section.markup == "reject"
    clean = partial(ingest.of_source, max_chars=section.max_chars, seed=seed, held_out=held_out, drop_markup=markup)
    sets = profile.clean.contamination
    against = decontamination.evaluation(readers.evaluation_sets(sets), sets) if sets and sets.instructions else None
    for line in decontamination.notes(against):
        notes.say(line)
    ingested = {}
    said: dict[str, str] = {}  # by the conversations of all sources
    for name, source in section.sources.items():
        records = drawn.records(source, seed) if isinstance(source, Drawn) else raw.records(source, Path(section.root))
        parse = formats.parser(source.format, source.kind, vars(source) | {"seed": seed})
        shown = tqdm(records, desc=name, unit=" records", disable=None)
        cleaned = clean(shown, parse, source, name=name, seen=said if source.kind == "instructions" else {})
        if against and source.kind == "instructions":
            cleaned = decontaminated(cleaned, against)
        notes.say(f"{name}: {cleaned.raw} records, {cleaned.kept} kept")
        for line in ingest_counts.notes(cleaned, name):
            notes.say(line)
        ingested[name] = cleaned

    compared = {name: cleaned.table for name, cleaned in ingested.items() if cleaned.kind == "preferences"}
    tables.write_parts(compared.items(), preferences, Preferences)
    tables.write(ingest_counts.of_kind(ingested, "instructions"), instructions, Instructions)
    tables.write(ingest_counts.of_kind(ingested, "prompts"), pool, PromptPool)
    tables.write(ingest_counts.extras(ingested), extras, Extras)
    tables.write(ingest_counts.rejects(ingested), rejects, Rejects)
    tables.write(ingest_counts.counts(ingested), counts, Counts)


if __name__ == "__main__":
    cli.run(main)
