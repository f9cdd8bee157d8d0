"""LLMBar's instances → comparisons, or their instructions as prompts.

    {"input": "Name a primary colour.", "output_1": "Red.", "output_2": "Colours are lovely.", "label": 1}

`label` is the number of the output that follows the instruction. A benchmark: to measure with, not to train on. Five
of its files are RewardBench's llmbar-* subsets.
"""

from __future__ import annotations

from typing import Any

from rlhf_data.sources import chats, fields
from rlhf_data.sources.about import About
from rlhf_data.sources.records import BadRecord, Comparison, Prompt

ABOUT = About(
    title="LLMBar",
    url="https://github.com/princeton-nlp/LLMBar",
    licence="MIT",
    non_commercial=False,
    citation="Zeng et al. (2024). Evaluating Large Language Models at Evaluating Instruction Following. "
    "arXiv 2310.07641",
    responses="LLM and human",
    annotator="benchmark",
)
LEAVES = ("label", "output_1", "output_2")


def preferences(record: Any) -> list[Comparison]:
    label = fields.number(record, "label")
    if label not in (1, 2):
        raise BadRecord("wrong_layout", f"field 'label' is {label}, not 1 or 2")
    first, second = fields.text(record, "output_1"), fields.text(record, "output_2")
    chosen, rejected = (first, second) if label == 1 else (second, first)
    return [Comparison(chats.user_turn(record, "input"), chosen, rejected, annotator="benchmark")]


def prompts(record: Any) -> list[Prompt]:
    return [Prompt(chats.user_turn(record, "input"))]
