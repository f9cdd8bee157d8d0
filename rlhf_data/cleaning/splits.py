"""The split between what models are trained and measured on: by the first question of a conversation."""

from __future__ import annotations

import polars as pl


def first_questions(table: pl.DataFrame) -> pl.Series:
    """Of each `prompt` the content of its first user turn, as `hashing.first_question` has it of messages."""
    said = pl.element().filter(pl.element().struct.field("role") == "user").struct.field("content")
    return table.select(pl.col("prompt").list.eval(said).list.first().fill_null("")).to_series()
