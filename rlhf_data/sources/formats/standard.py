"""RLHFlow's standard layout of preference sets → comparisons of final turns, or their prompts.

    {"chosen": [{"role": "user", "content": "Which planet is closest to the sun?"},
                {"role": "assistant", "content": "Mercury."}],
     "rejected": [{"role": "user", "content": "Which planet is closest to the sun?"},
                  {"role": "assistant", "content": "Venus, I think."}], "chosen_score": 4.5, "rejected_score": null}

A score may be null, or a number as text; text that is no number is no score.
"""

from __future__ import annotations

from typing import Any

from rlhf_data.sources import chats, fields, transcripts
from rlhf_data.sources.records import Comparison, Prompt


def preferences(record: Any) -> list[Comparison]:
    chosen, rejected = (chats.messages(record, side) for side in ("chosen", "rejected"))
    high, low = (fields.optional_number(record, f"{side}_score") for side in ("chosen", "rejected"))
    return [transcripts.final_turns(chosen, rejected)._replace(chosen_score=high, rejected_score=low)]


def prompts(record: Any) -> list[Prompt]:
    return [Prompt(transcripts.prompt(chats.messages(record, "chosen")))]
