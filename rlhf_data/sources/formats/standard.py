"""RLHFlow's standard layout of preference sets → comparisons of final turns, or their prompts.

    {"chosen": [{"role": "user", "content": "Which planet is closest to the sun?"},
                {"role": "assistant", "content": "Mercury."}],
     "rejected": [{"role": "user", "content": "Which planet is closest to the sun?"},
                  {"role": "assistant", "content": "Venus, I think."}], "chosen_score": 4.5, "rejected_score": null}

A score may be null, or absent, or called as in the sets of others (`SCORES`); `annotator` may say who gave it.
"""

from __future__ import annotations

from typing import Any

from rlhf_data.sources import chats, fields, transcripts
from rlhf_data.sources.records import Comparison, Prompt

SCORES = ("{}_score", "{}_rating", "score_{}", "rating_{}")
LEAVES = ("chosen_score", "rejected", "rejected_score")


def preferences(record: Any) -> list[Comparison]:
    chosen, rejected = (chats.messages(record, side) for side in ("chosen", "rejected"))
    high, low = (
        fields.optional_number(record, *(name.format(side) for name in SCORES)) for side in ("chosen", "rejected")
    )
    comparison = transcripts.final_turns(chosen, rejected)
    annotator = fields.optional_text(record, "annotator") or comparison.annotator
    return [comparison._replace(chosen_score=high, rejected_score=low, annotator=annotator)]


def prompts(record: Any) -> list[Prompt]:
    return [Prompt(transcripts.prompt(chats.messages(record, "chosen")))]
