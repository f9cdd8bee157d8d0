"""Argilla's relabelled Intel Orca pairs → comparisons, or their prompts.

    {"system": "Answer briefly.", "input": "Is a whale a fish?", "chosen": "No, a mammal.", "rejected": "Yes.",
     "rating": [2.0, 9.0], "status": "swapped", "chosen_score": 9.0, "in_gsm8k_train": false}

`chosen` and `rejected` are already swapped where `status` says so. The rejected score is the lower rating. The paper's
count is lower than what is left without the ties; the rule behind the rest is not known (a margin, perhaps).
"""

from __future__ import annotations

from typing import Any

from rlhf_data.schemas import Message
from rlhf_data.sources import chats, fields
from rlhf_data.sources.about import About, Expected
from rlhf_data.sources.records import BadRecord, Comparison, Prompt

ABOUT = About(
    title="OpenOrca",
    url="https://huggingface.co/datasets/argilla/distilabel-intel-orca-dpo-pairs",
    licence="Apache-2.0",
    non_commercial=False,
    citation="Argilla (2023). distilabel-intel-orca-dpo-pairs; prompts of Lian et al. (2023). OpenOrca",
    responses="LLM",
    annotator="gpt-4",
    expected=Expected(12_859, 6_791, 6_926, prompt_tokens=153.3, chosen_tokens=165.4, rejected_tokens=260.5),
)
LEAVES = (
    *("chosen", "chosen_score", "generations", "in_gsm8k_train", "labelling_model", "labelling_prompt", "order"),
    *("original_chosen", "original_rejected", "rating", "rationale", "raw_labelling_response", "rejected", "status"),
)


def preferences(record: Any, *, system: str, drop_gsm8k: bool, min_chosen_score: float | None) -> list[Comparison]:
    """Argilla's own advice is a `min_chosen_score` of 8 and no record of GSM8K's training set."""
    prompt = _prompt(record, system, drop_gsm8k)
    if fields.text(record, "status") == "tie":
        raise BadRecord("tie", "the status is tie")
    if isinstance(record, dict) and record.get("rating", 0) is None:
        raise BadRecord("unrated", "field 'rating' is null")
    high = fields.number(record, "chosen_score")
    low = min(fields.as_number(rating, "a rating") for rating in fields.items(record, "rating"))
    if high == low:
        raise BadRecord("tie", f"both responses score {high}")
    if min_chosen_score is not None and high < min_chosen_score:
        raise BadRecord("low_score", f"the chosen response scores {high}, less than {min_chosen_score}")
    chosen, rejected = fields.text(record, "chosen"), fields.text(record, "rejected")
    return [Comparison(prompt, chosen, rejected, high, low, ABOUT.annotator)]


def prompts(record: Any, *, system: str, drop_gsm8k: bool) -> list[Prompt]:
    return [Prompt(_prompt(record, system, drop_gsm8k))]


def _prompt(record: Any, system: str, drop_gsm8k: bool) -> list[Message]:
    """The `system` text is made the head of the user's turn (`prepend`), a `message` of its own, or is dropped."""
    if drop_gsm8k and fields.boolean(record, "in_gsm8k_train"):
        raise BadRecord("gsm8k", "the prompt is in GSM8K's training set")
    asked, instructed = fields.text(record, "input"), fields.optional_text(record, "system")
    if system == "prepend":
        return chats.asked(instructed, asked)
    first: list[Message] = [{"role": "system", "content": instructed}] if system == "message" and instructed else []
    return [*first, *chats.asked(asked, "")]
