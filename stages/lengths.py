"""Preferences + tokenizer → tokens of each comparison's prompt and responses."""

from functools import partial
from pathlib import Path

from rlhf_data import cli, notes
from rlhf_data.cleaning import lengths
from rlhf_data.models import tokenizers
from rlhf_data.schemas import Lengths, Preferences
from rlhf_data.storage import tables


def main(preferences: Path, tokenizer: Path, out: Path) -> None:
    counted = {}
    for source, pairs in tables.read_parts(preferences, Preferences).items():
        counted[source] = lengths.of_comparisons(pairs, partial(tokenizers.count, folder=tokenizer))
        notes.say(f"{source}: {counted[source].height} comparisons")
    tables.write_parts(counted.items(), out, Lengths)


if __name__ == "__main__":
    cli.run(main)
