"""HelpSteer3's preferences → comparisons, or their prompts: the sign of the preference says which is better.

    {"context": [{"role": "user", "content": "Name a fish."}], "response1": "A carp.", "response2": "A whale.",
     "overall_preference": -2}

Preferences run from −3 (the first is much better) to 3; 0 is a tie.
"""

from __future__ import annotations

from typing import Any

from rlhf_data.sources import chats, fields, labels
from rlhf_data.sources.about import About
from rlhf_data.sources.records import Comparison, Prompt

ABOUT = About(
    title="HelpSteer3",
    url="https://huggingface.co/datasets/nvidia/HelpSteer3",
    licence="CC-BY-4.0",
    non_commercial=False,
    citation="Wang et al. (2025). HelpSteer3-Preference. arXiv 2505.11475",
    responses="LLM",
    annotator="human",
)
LEAVES = ("individual_preference", "overall_preference", "response1", "response2")


def preferences(record: Any) -> list[Comparison]:
    texts = fields.text(record, "response1"), fields.text(record, "response2")
    better = labels.preferred([fields.value(record, "overall_preference")], "positive_second")
    asked = chats.messages(record, "context")
    return [Comparison(asked, texts[better], texts[1 - better], annotator=ABOUT.annotator)]


def prompts(record: Any) -> list[Prompt]:
    return [Prompt(chats.messages(record, "context"))]
