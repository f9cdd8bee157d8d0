"""Orca-Math's word problems → SFT conversations, or the problems as prompts.

{"question": "Ann has 3 boxes of 4 pens. How many pens?", "answer": "3 times 4 is 12."}
"""

from __future__ import annotations

from typing import Any

from rlhf_data.sources import chats, fields
from rlhf_data.sources.about import About
from rlhf_data.sources.records import Conversation, Prompt

ABOUT = About(
    title="Orca-Math",
    url="https://huggingface.co/datasets/microsoft/orca-math-word-problems-200k",
    licence="MIT",
    non_commercial=False,
    citation="Mitra et al. (2024). Orca-Math: Unlocking the Potential of SLMs in Grade School Math. arXiv 2402.14830",
    responses="LLM",
    annotator="",
)
LEAVES = ("answer",)


def instructions(record: Any) -> list[Conversation]:
    asked = chats.user_turn(record, "question")
    return [Conversation(chats.answered(asked, fields.text(record, "answer")))]


def prompts(record: Any) -> list[Prompt]:
    return [Prompt(chats.user_turn(record, "question"))]
