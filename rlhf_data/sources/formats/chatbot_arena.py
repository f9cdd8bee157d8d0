r"""Chatbot Arena's battles → comparisons, or their prompts, in the layouts of 55k, 100k and 140k.

    100k, 140k: {"conversation_a": [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Hello!"}],
                 "conversation_b": [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "What?"}],
                 "winner": "model_a"}
    55k: {"prompt": "[\"Name a fish.\"]", "response_a": "[\"A carp.\"]", "response_b": "[\"A whale.\"]",
          "winner_model_a": 1, "winner_model_b": 0, "winner_tie": 0}

Of several turns the last is compared where those before it are the same; in an arena they seldom are. Ties are dropped.
"""

from __future__ import annotations

import json
from itertools import takewhile
from typing import Any

from rlhf_data.schemas import Message
from rlhf_data.sources import chats, fields, labels, transcripts
from rlhf_data.sources.about import About
from rlhf_data.sources.records import BadRecord, Comparison, Prompt

ABOUT = About(
    title="Chatbot Arena conversations",
    url="https://huggingface.co/lmarena-ai",
    licence="CC-BY-4.0",
    non_commercial=False,
    citation="Chiang et al. (2024). Chatbot Arena. arXiv 2403.04132",
    responses="LLM",
    annotator="human",
)
SIDES = ("a", "b")
WON = ("winner_model_a", "winner_model_b", "winner_tie")
LEAVES = (
    *("model_a", "model_b", "judge", "tstamp", "anony", "is_code", "is_refusal", "dedup_tag", "conv_metadata"),
    *("category_tag", "full_conversation", "evaluation_session_id", "evaluation_order", "toxic_chat_tag"),
    *("openai_moderation", "winner", "response_a", "response_b", "conversation_a", "conversation_b", *WON),
)


def preferences(record: Any) -> list[Comparison]:
    first, second = (_dialogue(record, side) for side in SIDES)
    better = _winner(record)
    comparison = transcripts.final_turns(*((first, second) if better == 0 else (second, first)))
    return [comparison._replace(annotator=ABOUT.annotator)]


def prompts(record: Any) -> list[Prompt]:
    # what the first answer answers: of later ones the two sides have seen another conversation
    return [Prompt(list(takewhile(lambda turn: turn["role"] != "assistant", _dialogue(record, "a"))))]


def _winner(record: Any) -> int:
    if fields.value_or_none(record, "winner") is not None:
        return labels.preferred([fields.value(record, "winner")], None)
    votes = [side for side in WON if fields.number(record, side) == 1]
    return labels.preferred([one.removeprefix("winner_") for one in votes] or ["tie"], None)


def _dialogue(record: Any, side: str) -> list[Message]:
    if fields.value_or_none(record, f"conversation_{side}") is not None:
        return chats.messages(record, f"conversation_{side}")
    asked, answered = (_texts(record, name) for name in ("prompt", f"response_{side}"))
    if len(asked) != len(answered):
        raise BadRecord("odd_length", f"{len(asked)} prompts and {len(answered)} answers")
    said = [(role, text) for pair in zip(asked, answered, strict=True) for role, text in zip(ROLES, pair, strict=True)]
    return [{"role": role, "content": text} for role, text in said]


ROLES = ("user", "assistant")


def _texts(record: Any, name: str) -> list[str]:
    """The turns of one side: a list of texts, which is itself written as text."""
    found = fields.value(record, name)
    try:
        turns = json.loads(found) if isinstance(found, str) else found
    except (ValueError, RecursionError) as error:
        raise BadRecord("wrong_layout", f"field {name!r} is no list of texts") from error
    if not isinstance(turns, list) or not turns:
        raise BadRecord("wrong_layout", f"field {name!r} is no list of texts")
    return [fields.as_text(turn, f"a turn of {name!r}") for turn in turns]
