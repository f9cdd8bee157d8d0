"""Capybara's rated dialogues → comparisons of their final turns, or their prompts.

    {"chosen": [{"role": "user", "content": "What is entropy?"}, {"role": "assistant", "content": "Disorder."}],
     "rejected": [{"role": "user", "content": "What is entropy?"}, {"role": "assistant", "content": "It is."}],
     "chosen_rating": 5, "rejected_rating": 3}

The set of the paper's count is Capybara-Preferences-Filtered; that of its footnote has `rating_chosen` instead.
"""

from __future__ import annotations

from typing import Any

from rlhf_data.sources import chats, fields, transcripts
from rlhf_data.sources.about import About, Expected
from rlhf_data.sources.records import BadRecord, Comparison, Prompt

ABOUT = About(
    title="Capybara",
    url="https://huggingface.co/datasets/argilla/Capybara-Preferences-Filtered",
    licence="Apache-2.0",
    non_commercial=False,
    citation="Argilla (2024). Capybara-Preferences-Filtered; dialogues of Daniele and Suphavadeeprasit (2023). "
    "Amplify-Instruct",
    responses="LLM",
    annotator="gpt-4",
    expected=Expected(14_811, 14_740, 14_811, prompt_tokens=634.5, chosen_tokens=348.4, rejected_tokens=401.9),
)
LEAVES = (
    *("chosen_model", "chosen_rating", "rating_chosen", "rating_rejected", "rejected", "rejected_model"),
    *("rejected_rating",),
)


def preferences(record: Any, *, drop_ties: bool) -> list[Comparison]:
    """No record of the released set is missing, so equal ratings stay by default."""
    high, low = (fields.number(record, f"{side}_rating", f"rating_{side}") for side in ("chosen", "rejected"))
    if drop_ties and high == low:
        raise BadRecord("tie", f"both dialogues score {high}")
    chosen, rejected = (chats.messages(record, side) for side in ("chosen", "rejected"))
    comparison = transcripts.final_turns(chosen, rejected)
    return [comparison._replace(chosen_score=high, rejected_score=low, annotator=ABOUT.annotator)]


def prompts(record: Any) -> list[Prompt]:
    return [Prompt(transcripts.prompt(chats.messages(record, "chosen")))]
