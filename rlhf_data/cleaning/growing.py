"""A table that grows row by row, of which some rows at a time are Python objects."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import dataframely as dy
import polars as pl
import pyarrow as pa

from rlhf_data.cleaning.validation import Values
from rlhf_data.schemas import Message

CHUNK_ROWS = 100_000  # that are held as Python objects, which take more memory than columns


class Growing:
    """A table to which rows are added one at a time."""

    def __init__(self, schema: type[dy.Schema]) -> None:
        self._types = schema.create_empty().schema
        self._chunks: list[pl.DataFrame] = [schema.create_empty()]
        self._columns: dict[str, list[Any]] = {name: [] for name in self._types}
        self._held = 0

    def append(self, values: Values) -> None:
        """Adds a row."""
        for name, column in self._columns.items():
            column.append(values[name])
        self._held += 1
        if self._held == CHUNK_ROWS:
            self._flush()

    def frame(self) -> pl.DataFrame:
        """All rows so far."""
        self._flush()
        return pl.concat(self._chunks)

    def _flush(self) -> None:
        if self._held:
            columns = {
                name: _messages(values) if isinstance(self._types[name], pl.List) else values
                for name, values in self._columns.items()
            }
            self._chunks.append(pl.DataFrame(columns, schema=self._types))
        self._columns = {name: [] for name in self._columns}
        self._held = 0


def _messages(conversations: Sequence[Sequence[Message]]) -> pl.Series:
    """A column of message lists, put together from flat columns: polars takes lists of objects fifty times slower."""
    turns = [turn for conversation in conversations for turn in conversation]
    flat = pl.DataFrame(
        {"role": [turn["role"] for turn in turns], "content": [turn["content"] for turn in turns]},
        schema={"role": pl.String, "content": pl.String},
    )
    ends = pl.Series([0, *accumulate(len(conversation) for conversation in conversations)], dtype=pl.Int64)
    return pl.Series(pa.LargeListArray.from_arrays(ends.to_arrow(), flat.to_struct().to_arrow()))
