"""Auto-J's test pairs → comparisons, or their prompts; a label of 0 prefers the first, 1 the second, 2 is a tie.

{"prompt": "Name a fish.", "response 1": "A carp.", "response 2": "A whale.", "label": 0}
"""

from __future__ import annotations

from typing import Any

from rlhf_data.sources import chats, fields, labels
from rlhf_data.sources.about import About
from rlhf_data.sources.records import Comparison, Prompt

ABOUT = About(
    title="Auto-J test data",
    url="https://github.com/GAIR-NLP/auto-j",
    licence="Apache-2.0",
    non_commercial=False,
    citation="Li et al. (2023). Generative Judge for Evaluating Alignment. arXiv 2310.05470",
    responses="LLM",
    annotator="human",
)
VALUES: labels.Values = {"first": (0,), "second": (1,), "tie": (2,)}
LEAVES = ("scenario", "label", "response 1", "response 2")


def preferences(record: Any) -> list[Comparison]:
    texts = fields.text(record, "response 1"), fields.text(record, "response 2")
    better = labels.preferred([fields.value(record, "label")], VALUES)
    asked = chats.user_turn(record, "prompt")
    return [Comparison(asked, texts[better], texts[1 - better], annotator=ABOUT.annotator)]


def prompts(record: Any) -> list[Prompt]:
    return [Prompt(chats.user_turn(record, "prompt"))]
