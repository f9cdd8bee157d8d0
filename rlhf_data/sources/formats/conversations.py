"""ShareGPT-style conversations → SFT conversations, or the prompts of their last answers.

{"conversations": [{"from": "system", "value": "Be concise."}, {"from": "human", "value": "2+2?"},
                   {"from": "gpt", "value": "4"}]}
"""

from __future__ import annotations

from typing import Any

from rlhf_data.schemas import Message
from rlhf_data.sources import chats
from rlhf_data.sources.records import Conversation, Prompt


def instructions(record: Any) -> list[Conversation]:
    return [Conversation(_turns(record, learnt=True))]


def prompts(record: Any) -> list[Prompt]:
    return [Prompt(chats.before_answer(_turns(record)))]


def _turns(record: Any, *, learnt: bool = False) -> list[Message]:
    return chats.messages(record, "conversations", learnt=learnt)
