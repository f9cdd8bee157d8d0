"""Argilla's distilled math pairs → comparisons, or the instructions as prompts.

{"instruction": "Find the area of a circle of radius 3.", "chosen_response": "A = 9*pi.", "chosen_rating": 9.0,
 "rejected_response": "A = 6*pi.", "rejected_rating": 6.0}
"""

from __future__ import annotations

from typing import Any

from rlhf_data.sources import chats, fields
from rlhf_data.sources.about import About, Expected
from rlhf_data.sources.records import BadRecord, Comparison, Prompt

ABOUT = About(
    title="Argilla-Math",
    url="https://huggingface.co/datasets/argilla/distilabel-math-preference-dpo",
    licence="Apache-2.0",
    non_commercial=False,
    citation="Argilla (2023). distilabel-math-preference-dpo",
    responses="LLM",
    annotator="gpt-4",
    expected=Expected(2_418, 2_352, 2_418, prompt_tokens=36.5, chosen_tokens=276.5, rejected_tokens=265.3),
)
LEAVES = ("chosen_rating", "chosen_response", "rejected_rating", "rejected_response")


def preferences(record: Any, *, drop_ties: bool) -> list[Comparison]:
    """No record of the released set is missing, so equal ratings stay by default."""
    high, low = (fields.number(record, f"{side}_rating") for side in ("chosen", "rejected"))
    if drop_ties and high == low:
        raise BadRecord("tie", f"both responses score {high}")
    chosen, rejected = (fields.text(record, f"{side}_response") for side in ("chosen", "rejected"))
    return [Comparison(chats.user_turn(record, "instruction"), chosen, rejected, high, low, ABOUT.annotator)]


def prompts(record: Any) -> list[Prompt]:
    return [Prompt(chats.user_turn(record, "instruction"))]
