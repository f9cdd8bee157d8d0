"""RewardBench's pairs → comparisons, or their prompts; the layout of its prior sets too.

    {"prompt": "Name a primary colour.", "chosen": "Red.", "rejected": "Brown.", "subset": "alpacaeval-easy", "id": 1}

A benchmark: to measure with, not to train on.
"""

from __future__ import annotations

from typing import Any

from rlhf_data.schemas import Message
from rlhf_data.sources import chats, fields
from rlhf_data.sources.about import About, Expected
from rlhf_data.sources.records import BadRecord, Comparison, Prompt

ABOUT = About(
    title="RewardBench",
    url="https://huggingface.co/datasets/allenai/reward-bench",
    licence="ODC-BY",
    non_commercial=False,
    citation="Lambert et al. (2024). RewardBench: Evaluating Reward Models for Language Modeling. arXiv 2403.13787",
    responses="LLM and human",
    annotator="benchmark",
    expected=Expected(2_985, pairs=2_985),
)
LEAVES = ("chosen", "chosen_model", "rejected", "rejected_model")


def preferences(record: Any, *, subsets: list[str] | None) -> list[Comparison]:
    """`subsets` are those to keep."""
    prompt = _prompt(record, subsets)
    return [Comparison(prompt, fields.text(record, "chosen"), fields.text(record, "rejected"), annotator="benchmark")]


def prompts(record: Any, *, subsets: list[str] | None) -> list[Prompt]:
    return [Prompt(_prompt(record, subsets))]


def subset(record: Any) -> str | None:
    """RewardBench's own name of it; the prior sets name none."""
    return fields.optional_text(record, "subset") or None


def _prompt(record: Any, subsets: list[str] | None) -> list[Message]:
    if subsets is not None and (subset := fields.text(record, "subset")) not in subsets:
        raise BadRecord("other_subset", f"{subset[:40]!r} is none of: {', '.join(subsets)}")
    return _turns(record)


def _turns(record: Any) -> list[Message]:
    # the prior sets hold messages
    if isinstance(fields.value(record, "prompt"), list):
        return chats.messages(record, "prompt")
    return chats.user_turn(record, "prompt")
