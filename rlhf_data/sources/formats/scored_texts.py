r"""Scored transcripts to one prompt → every pair of them with unequal scores, or the prompt.

    {"text": ["## Human:\nWhy is ice slippery?\n\n## Assistant:\n A thin film of water.",
              "## Human:\nWhy is ice slippery?\n\n## Assistant:\n It is cold."], "score": [1.5, 0.5]}

The transcripts may be in HH-RLHF's layout too. The higher score is preferred; equal scores prefer none.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

from rlhf_data.sources import fields, transcripts
from rlhf_data.sources.records import BadRecord, Comparison, Prompt, usable

LEAVES = ("score",)


def preferences(record: Any) -> list[Comparison]:
    texts, scores = fields.items(record, "text"), fields.items(record, "score")
    if len(texts) != len(scores):
        raise BadRecord("wrong_layout", f"{len(texts)} texts, but {len(scores)} scores")
    if len(texts) < 2:
        raise BadRecord("no_pair", "one text alone")
    return usable(_comparison, combinations(zip(texts, scores, strict=True), 2))


def _comparison(pair: tuple[tuple[Any, Any], tuple[Any, Any]]) -> Comparison:
    (chosen, chosen_score), (rejected, rejected_score) = (
        (transcripts.turns(fields.as_text(text, "a text")), fields.as_number(score, "a score")) for text, score in pair
    )
    if chosen_score == rejected_score:
        raise BadRecord("tie", f"both texts score {chosen_score}")
    if chosen_score < rejected_score:
        chosen, rejected = rejected, chosen
        chosen_score, rejected_score = rejected_score, chosen_score
    return transcripts.final_turns(chosen, rejected)._replace(chosen_score=chosen_score, rejected_score=rejected_score)


def prompts(record: Any) -> list[Prompt]:
    def asked(text: object) -> Prompt:
        return Prompt(transcripts.prompt(transcripts.turns(fields.as_text(text, "a text"))))

    return usable(asked, fields.items(record, "text"))
