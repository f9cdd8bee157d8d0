"""Benchmark questions → prompts: Arena-Hard's one prompt, MT-Bench's first turn.

    {"question_id": 7, "category": "writing", "turns": ["Write a haiku on rust.", "Now without the letter e."]}

MT-Bench's second turn presumes an answer to the first, which no prompt of ours can hold.
"""

from __future__ import annotations

from typing import Any

from rlhf_data.sources import chats, fields
from rlhf_data.sources.records import Prompt

LEAVES = ("cluster", "reference")


def prompts(record: Any) -> list[Prompt]:
    found = fields.value(record, "prompt", "turns")
    if isinstance(found, list):
        found = found[0] if found else None
    return [Prompt(chats.asked(fields.as_text(found, "the prompt"), ""))]
