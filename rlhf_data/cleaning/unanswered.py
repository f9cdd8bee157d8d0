"""Conversations without the user's turns at their end, which nobody answered: SFT has nothing to learn from these."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from rlhf_data.sources.records import Conversation, Row


def trimmed(parse: Callable[[Any], Sequence[Row]], lost: Counter[str], record: Any) -> list[Row]:
    """What `parse` gives, its conversations trimmed; `lost` counts the `records` that lose a turn."""
    given = list(parse(record))
    rows = [_answered(row) if isinstance(row, Conversation) else row for row in given]
    lost["records"] += any(row is not before for row, before in zip(rows, given, strict=True))
    return rows


def _answered(row: Conversation) -> Conversation:
    end = len(row.messages)
    while end > 1 and row.messages[end - 1]["role"] == "user":
        end -= 1
    return row if end == len(row.messages) else Conversation(row.messages[:end])
