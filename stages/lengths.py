"""preferences + tokenizer → how many tokens each comparison's prompt and responses have."""

from pathlib import Path

import polars as pl

from rlhf_data import cli
from rlhf_data.models import tokenizers
from rlhf_data.schemas import Lengths, Preferences
from rlhf_data.storage import tables


def main(preferences: Path, tokenizer: Path, out: Path) -> None:
    counted = {}
    for source, pairs in tables.read_parts(preferences, Preferences).items():
        counted[source] = lengths(pairs, tokenizer)
        print(f"{source}: {counted[source].height} comparisons", flush=True)
    tables.write_parts(counted.items(), out, Lengths)


def lengths(pairs: pl.DataFrame, tokenizer: Path) -> pl.DataFrame:
    said = {"prompt": pairs["prompt"]}
    for side in ("chosen", "rejected"):
        said[side] = pairs.select(pl.concat_list(pl.struct(content=side))).to_series()
    counts = {f"{part}_tokens": tokenizers.count(texts, tokenizer) for part, texts in said.items()}
    return pairs.select("pair_id").with_columns(**counts)


if __name__ == "__main__":
    cli.run(main)
