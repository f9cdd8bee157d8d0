"""Preferences → the profile's mixes, cleaned and decontaminated, split into train and test by prompt."""

from pathlib import Path

from rlhf_data import cli, notes, params
from rlhf_data.cleaning import decontamination, mix_rules, mixes
from rlhf_data.schemas import Lengths, MixRejects, Preferences
from rlhf_data.sources import readers
from rlhf_data.storage import tables


def main(preferences: Path, lengths: Path, out: Path, rejects: Path) -> None:
    profile = params.load()
    rules, sets = profile.clean, profile.clean.contamination
    against = decontamination.evaluation(readers.evaluation_sets(sets), sets) if sets else None
    for line in decontamination.notes(against):
        notes.say(line)
    counted = mix_rules.with_tokens(tables.read(preferences, Preferences), tables.read(lengths, Lengths))
    dropped = {}
    for name, wanted in profile.mix.items():
        pairs = mixes.of_sources(counted, wanted.sources)
        kept, dropped[name] = mix_rules.clean(pairs, rules, against, mix=name, seed=profile.seed)
        made = mixes.mix(kept, wanted, held_out=profile.held_out, seed=profile.seed)
        for side, table in made._asdict().items():
            tables.write(table, out / name / f"{side}.parquet", Preferences)
        sizes = ", ".join(f"{side} {table.height}" for side, table in made._asdict().items())
        notes.say(f"{name}: {sizes} pairs, dropped {dropped[name].height}")
    tables.write_parts(dropped.items(), rejects, MixRejects)


if __name__ == "__main__":
    cli.run(main)
