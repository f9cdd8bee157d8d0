"""Prompts and completions in, SFT conversations out, or the prompts.

{"prompt": "Name a fish.", "completion": "A carp."}
"""

from __future__ import annotations

from typing import Any

from rlhf_data.records import Conversation, Prompt
from rlhf_data.schemas import Message
from rlhf_data.sources import fields


def instructions(record: Any) -> list[Conversation]:
    return [Conversation(fields.answered(_prompt(record), fields.text(record, "completion")))]


def prompts(record: Any) -> list[Prompt]:
    return [Prompt(_prompt(record))]


def _prompt(record: Any) -> list[Message]:
    return fields.asked(fields.text(record, "prompt"), "")
