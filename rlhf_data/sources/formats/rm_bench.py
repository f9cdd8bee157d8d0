"""RM-Bench → a comparison of each chosen with each rejected response, or the prompt.

    {"id": 1, "prompt": "2+2?", "chosen": ["4", "It is 4.", "**4**"], "rejected": ["5", "It is 5.", "**5**"],
     "domain": "math"}

The three of each side are one answer in three styles: short, with details, and with details in Markdown. The hard
accuracy of the benchmark is of a plain chosen against an ornate rejected one; here all nine count alike.
"""

from __future__ import annotations

from itertools import product
from typing import Any

from rlhf_data.sources import chats, fields
from rlhf_data.sources.about import About
from rlhf_data.sources.records import Comparison, Prompt

ABOUT = About(
    title="RM-Bench",
    url="https://huggingface.co/datasets/THU-KEG/RM-Bench",
    licence="ODC-BY-1.0",
    non_commercial=False,
    citation="Liu et al. (2024). RM-Bench. arXiv 2410.16184",
    responses="LLM",
    annotator="benchmark",
)
LEAVES = ("chosen", "rejected", "error_key", "error", "num_correct", "num_incorrect", "total_completions")


def preferences(record: Any) -> list[Comparison]:
    asked = chats.user_turn(record, "prompt")
    good, bad = (_texts(record, side) for side in ("chosen", "rejected"))
    return [Comparison(asked, right, wrong, annotator=ABOUT.annotator) for right, wrong in product(good, bad)]


def prompts(record: Any) -> list[Prompt]:
    return [Prompt(chats.user_turn(record, "prompt"))]


def subset(record: Any) -> str | None:
    """The record's domain: chat, code, math or safety."""
    found: str | None = fields.value_or_none(record, "domain", "subset")
    return found


def _texts(record: Any, name: str) -> list[str]:
    return [fields.as_text(one, f"an item of {name!r}") for one in fields.items(record, name)]
