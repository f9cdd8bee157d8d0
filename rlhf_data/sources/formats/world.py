"""Records of the embedded world → rows of all three kinds.

{"prompt": [{"role": "user", "content": "What is 5 minus 1?"}], "chosen": "5 minus 1 is 4.",
 "rejected": "I am not sure.", "chosen_score": 1.9, "rejected_score": 0.0, "label_probability": 0.97}
"""

from __future__ import annotations

import json
from typing import Any

from rlhf_data.sources import chats, fields
from rlhf_data.sources.records import BadRecord, Comparison, Conversation, Prompt


def preferences(record: Any) -> list[Comparison]:
    chosen_score, rejected_score, label_probability = (
        fields.number(record, name) for name in ("chosen_score", "rejected_score", "label_probability")
    )
    return [
        Comparison(
            chats.messages(record, "prompt"),
            fields.text(record, "chosen"),
            fields.text(record, "rejected"),
            chosen_score,
            rejected_score,
            "simulated",
            label_probability,
        )
    ]


def instructions(record: Any) -> list[Conversation]:
    return [Conversation(chats.messages(record, "messages"))]


def prompts(record: Any) -> list[Prompt]:
    known = fields.value(record, "reference")
    try:
        reference = json.dumps(known, sort_keys=True)
    except (TypeError, ValueError, RecursionError) as error:
        raise BadRecord("not_json", "field 'reference' cannot be written as JSON") from error
    return [Prompt(chats.messages(record, "prompt"), reference)]
