"""Comparisons that were dropped, as rows of a rejects table."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl

from rlhf_data.cleaning import rejects
from rlhf_data.schemas import MixRejects, Preferences
from rlhf_data.storage import tables

PROMPT = [{"role": "user", "content": "Name a fish."}]


def test_what_a_training_left_out_is_written_with_its_rule() -> None:
    rows = [
        (pair_id, "zoo", row, "p", PROMPT, "A carp.", "Tea.", 1.0, None, None, "ann", None)
        for row, pair_id in enumerate("abc")
    ]
    pairs = pl.DataFrame(rows, schema=Preferences.create_empty().schema, orient="row")
    found = rejects.of_training(pairs, pl.Series(["c", "a"]), mix="all", max_length=40)
    assert tables.check(found, MixRejects, Path("rejects")).select(
        "mix", "pair_id", "row", "rule", "detail"
    ).rows() == [
        ("all", "a", 0, "alike_once_cut", "the sides are the same in the 40 tokens that are left"),
        ("all", "c", 2, "alike_once_cut", "the sides are the same in the 40 tokens that are left"),
    ]
    assert json.loads(found["raw"][0])["chosen"] == "A carp."
    none = rejects.of_training(pairs, pl.Series([], dtype=pl.String), mix="all", max_length=40)
    assert tables.check(none, MixRejects, Path("rejects")).is_empty()
