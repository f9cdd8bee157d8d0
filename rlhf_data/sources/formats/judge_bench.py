"""JudgeBench → comparisons of a right and a wrong response, or their prompts.

{"pair_id": "p1", "source": "mmlu-pro-math", "question": "2+2?", "response_A": "4", "response_B": "5",
"label": "A>B"}
"""

from __future__ import annotations

from typing import Any

from rlhf_data.sources import chats, fields, labels
from rlhf_data.sources.about import About
from rlhf_data.sources.records import Comparison, Prompt

ABOUT = About(
    title="JudgeBench",
    url="https://huggingface.co/datasets/ScalerLab/JudgeBench",
    licence="MIT",
    non_commercial=False,
    citation="Tan et al. (2024). JudgeBench. arXiv 2410.12784",
    responses="LLM",
    annotator="benchmark",
)
LEAVES = ("pair_id", "original_id", "response_model", "label", "response_A", "response_B", "judges", "scores")
PARTS = {
    "mmlu-pro": "knowledge",
    "livebench-reasoning": "reasoning",
    "livebench-math": "math",
    "livecodebench": "coding",
}


def preferences(record: Any) -> list[Comparison]:
    texts = fields.text(record, "response_A"), fields.text(record, "response_B")
    better = labels.preferred([fields.value(record, "label")], None)
    asked = chats.user_turn(record, "question")
    return [Comparison(asked, texts[better], texts[1 - better], annotator=ABOUT.annotator)]


def prompts(record: Any) -> list[Prompt]:
    return [Prompt(chats.user_turn(record, "question"))]


def subset(record: Any) -> str | None:
    """The part of the benchmark that the record's source belongs to; the source itself where it is another."""
    source = fields.optional_text(record, "source")
    return next((part for start, part in PARTS.items() if source.startswith(start)), source or None)
