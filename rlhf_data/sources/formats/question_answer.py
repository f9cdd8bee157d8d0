r"""GSM8K's questions and worked answers → SFT conversations, or the questions as prompts.

{"question": "Ann has 3 boxes of 4 pens. How many pens?", "answer": "3 * 4 = <<3*4=12>>12 pens.\n#### 12"}
"""

from __future__ import annotations

import re
from typing import Any

from rlhf_data.sources import chats, fields
from rlhf_data.sources.records import Conversation, Prompt

CALCULATOR = re.compile(r"<<[^<>]*>>")  # calls of the authors' calculator, which no reader should see
LEAVES = ("answer",)


def instructions(record: Any) -> list[Conversation]:
    return [
        Conversation(
            chats.answered(chats.user_turn(record, "question"), CALCULATOR.sub("", fields.text(record, "answer")))
        )
    ]


def prompts(record: Any) -> list[Prompt]:
    # no reference, though the final number is known: the gold reward knows the embedded world's references alone
    return [Prompt(chats.user_turn(record, "question"))]
