"""ShareGPT-style pairs → comparisons, or their prompts.

{"conversations": [{"from": "human", "value": "Name a fish."}],
 "chosen": {"from": "gpt", "value": "A carp."}, "rejected": {"from": "gpt", "value": "A whale."}}
"""

from __future__ import annotations

from typing import Any

from rlhf_data.schemas import Message
from rlhf_data.sources import chats, fields
from rlhf_data.sources.records import BadRecord, Comparison, Prompt

LEAVES = ("chosen", "rejected")


def preferences(record: Any) -> list[Comparison]:
    return [Comparison(_prompt(record), _final_turn(record, "chosen"), _final_turn(record, "rejected"))]


def prompts(record: Any) -> list[Prompt]:
    return [Prompt(_prompt(record))]


def _prompt(record: Any) -> list[Message]:
    return chats.messages(record, "conversations")


def _final_turn(record: Any, side: str) -> str:
    turn = chats.turn(fields.value(record, side))
    if turn["role"] != "assistant":
        raise BadRecord("turns_out_of_order", f"{side} is the {turn['role']}'s turn, not the assistant's")
    return turn["content"]
