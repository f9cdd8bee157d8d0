"""Prompts and completions → SFT conversations, or the prompts.

{"prompt": "Name a fish.", "completion": "A carp."}
"""

from __future__ import annotations

from typing import Any

from rlhf_data.sources import chats, fields
from rlhf_data.sources.records import Conversation, Prompt

LEAVES = ("completion",)


def instructions(record: Any) -> list[Conversation]:
    return [Conversation(chats.answered(chats.user_turn(record, "prompt"), fields.text(record, "completion")))]


def prompts(record: Any) -> list[Prompt]:
    return [Prompt(chats.user_turn(record, "prompt"))]
