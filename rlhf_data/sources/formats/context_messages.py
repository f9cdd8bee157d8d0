"""Records of the released online prompt sets → prompts.

{"context_messages": [{"role": "user", "content": "Plan a two-day trip to a lake."}]}
"""

from __future__ import annotations

from typing import Any

from rlhf_data.sources import chats
from rlhf_data.sources.records import Prompt


def prompts(record: Any) -> list[Prompt]:
    return [Prompt(chats.messages(record, "context_messages"))]
