"""Prompt pool → one shard per iteration, held-out dev and test shards, and the unused rest."""

from pathlib import Path

from rlhf_data import cli, notes, params
from rlhf_data.cleaning import decontamination, prompt_shards
from rlhf_data.models import tokenizers
from rlhf_data.schemas import PromptPool, Prompts, Rejects
from rlhf_data.sources import readers
from rlhf_data.storage import tables


def main(pool: Path, tokenizer: Path, out: Path, rejects: Path) -> None:
    profile = params.load()
    section, rules, sets = profile.prompts, profile.clean, profile.clean.contamination
    against = decontamination.evaluation(readers.evaluation_sets(sets), sets) if sets else None
    for line in decontamination.notes(against):
        notes.say(line)
    iterations = params.project().iterations
    asked = tables.read(pool, PromptPool)
    counted = asked.with_columns(prompt_tokens=tokenizers.count(asked["prompt"], tokenizer))
    usable, dropped = prompt_shards.usable(
        counted, max_tokens=section.max_tokens, against=against, near=rules.near_duplicates, seed=profile.seed
    )
    dealt = prompt_shards.deal_as(section, usable, iterations, held_out=profile.held_out, seed=profile.seed)

    tables.write_parts(dealt.items(), out, Prompts)
    tables.write(dropped, rejects, Rejects)
    sizes = prompt_shards.sizes(section, iterations)
    for name, table in {**dealt, "dropped": dropped}.items():
        of = f" of {sizes[name]} asked for" if name in sizes else ""
        notes.say(f"{name}: {table.height} prompts{of}")


if __name__ == "__main__":
    cli.run(main)
