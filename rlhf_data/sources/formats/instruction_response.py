"""Alpaca-style instructions → SFT conversations, or their prompts.

    {"instruction": "Translate into French.", "input": "Good evening.", "response": "Bonsoir."}

The answer's field is `response` or `output`; `input`, `system` and `history` (a list of earlier questions, each with
its answer) may be empty or absent.
"""

from __future__ import annotations

from typing import Any

from rlhf_data.schemas import Message
from rlhf_data.sources import chats, fields
from rlhf_data.sources.records import Conversation, Prompt

LEAVES = ("output", "response")


def instructions(record: Any) -> list[Conversation]:
    return [Conversation(chats.answered(_prompt(record), fields.text(record, "response", "output")))]


def prompts(record: Any) -> list[Prompt]:
    return [Prompt(_prompt(record))]


def _prompt(record: Any) -> list[Message]:
    asked = chats.asked(fields.text(record, "instruction"), fields.optional_text(record, "input"))
    return chats.with_system(record, [*chats.history(record), *asked])
