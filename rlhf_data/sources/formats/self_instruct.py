"""Self-Instruct tasks → one SFT conversation per instance, or the prompts.

{"instruction": "Give the opposite.", "instances": [{"input": "warm", "output": "cold"}]}
"""

from __future__ import annotations

from typing import Any

from rlhf_data.schemas import Message
from rlhf_data.sources import chats, fields
from rlhf_data.sources.records import Conversation, Prompt, usable

LEAVES = ("instances.output", "is_classification")


def instructions(record: Any) -> list[Conversation]:
    def conversation(instance: object) -> Conversation:
        return Conversation(chats.answered(_prompt(record, instance), fields.text(instance, "output")))

    return usable(conversation, fields.items(record, "instances"))


def prompts(record: Any) -> list[Prompt]:
    return usable(lambda instance: Prompt(_prompt(record, instance)), fields.items(record, "instances"))


def _prompt(record: Any, instance: object) -> list[Message]:
    return chats.asked(fields.text(record, "instruction"), fields.optional_text(instance, "input"))
