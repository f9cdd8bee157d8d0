"""Message lists → SFT conversations, or their prompts.

{"messages": [{"role": "user", "content": [{"type": "text", "value": "Name a fish."}]},
              {"role": "assistant", "content": "A carp."}]}
"""

from __future__ import annotations

from typing import Any

from rlhf_data.sources import chats
from rlhf_data.sources.records import Conversation, Prompt


def instructions(record: Any) -> list[Conversation]:
    return [Conversation(chats.messages(record, "messages", learnt=True))]


def prompts(record: Any) -> list[Prompt]:
    return [Prompt(chats.before_answer(chats.messages(record, "messages")))]
