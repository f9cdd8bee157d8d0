"""HelpSteer's rated responses in, one per record, or the prompts; ingest pairs those to the same prompt.

    {"prompt": "Rewrite this formally: gonna be late", "response": "I expect to arrive late.", "helpfulness": 4,
     "correctness": 4, "coherence": 4, "complexity": 1, "verbosity": 1}

The paper does not say which score ranks them. The authors' earlier mixtures took the mean of helpfulness and
correctness, which is the default.
"""

from __future__ import annotations

from typing import Any

from rlhf_data.sources import chats, fields
from rlhf_data.sources.about import About, Expected
from rlhf_data.sources.records import BadRecord, Prompt, Response

ABOUT = About(
    title="HelpSteer",
    url="https://huggingface.co/datasets/nvidia/HelpSteer",
    licence="CC-BY-4.0",
    non_commercial=False,
    citation="Wang et al. (2023). HelpSteer: Multi-attribute Helpfulness Dataset for SteerLM. arXiv 2311.09528",
    responses="LLM",
    annotator="human",
    expected=Expected(35_331, 8_592, 37_131, prompt_tokens=530.0, chosen_tokens=116.4, rejected_tokens=89.3),
)
SCORES = {
    "helpfulness_correctness": ("helpfulness", "correctness"),
    "helpfulness": ("helpfulness",),
    "all": ("helpfulness", "correctness", "coherence", "complexity", "verbosity"),
}
LEAVES = ("coherence", "complexity", "correctness", "helpfulness", "response", "verbosity")


def preferences(record: Any, *, score: str) -> list[Response]:
    """`score` is the mean of the ratings that it names."""
    ratings = [_rating(record, name) for name in SCORES[score]]
    mean = sum(ratings) / len(ratings)
    return [Response(chats.user_turn(record, "prompt"), fields.text(record, "response"), mean, ABOUT.annotator)]


def prompts(record: Any) -> list[Prompt]:
    return [Prompt(chats.user_turn(record, "prompt"))]


def _rating(record: Any, name: str) -> float:
    found = fields.number(record, name)
    if not 0 <= found <= 4:
        raise BadRecord("wrong_layout", f"field {name!r} is {found}, not 0 to 4")
    return found
