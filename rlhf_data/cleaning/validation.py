"""Validation of a parsed row: its ids, the common filter, and duplicates.

The filter is that of the paper's released preference sets: turns alternate from the user, none is empty, the two
sides share their history and differ in their last turn.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import dataframely as dy

from rlhf_data.hashing import content_id, conversation_id, first_question, normal_form
from rlhf_data.schemas import Instructions, Message, Preferences, PromptPool
from rlhf_data.sources.records import BadRecord, Comparison, Conversation, Prompt, Response

Values = dict[str, Any]  # one row, by column


class Place(NamedTuple):
    """Where a row comes from, and what it is checked against."""

    source: str
    number: int  # of its record
    seen: dict[str, str]  # a row's id → where it was met first
    held_out: Callable[[str], bool] | None  # of the first question


def check_response(row: Response) -> None:
    """Raises `BadRecord` for a response that could be no side of any comparison."""
    _check_turns(row.prompt, last="user")
    if not row.response:
        raise BadRecord("empty_turn", "response")
    if not math.isfinite(row.score):
        raise BadRecord("not_a_number", f"score is {row.score}")


def _preference(row: Comparison, place: Place) -> Values:
    _check_turns(row.prompt, last="user")
    for side, response in (("chosen", row.chosen), ("rejected", row.rejected)):
        if not response:
            raise BadRecord("empty_turn", side)
    chosen, rejected = normal_form(row.chosen), normal_form(row.rejected)
    if chosen == rejected:
        raise BadRecord("same_response", "chosen and rejected are the same text")
    margin = None
    if row.chosen_score is not None and row.rejected_score is not None:
        margin = row.chosen_score - row.rejected_score
    values: Values = {**row._asdict(), "margin": margin}
    for name in ("chosen_score", "rejected_score", "margin", "label_probability"):
        if values[name] is not None and not math.isfinite(values[name]):
            raise BadRecord("not_a_number", f"{name} is {values[name]}")
    if row.label_probability is not None and not 0 <= row.label_probability <= 1:
        raise BadRecord("not_a_probability", f"label_probability is {row.label_probability}")
    prompt_id = conversation_id(row.prompt)
    other_way = content_id(place.source, prompt_id, rejected, chosen)
    if other_way in place.seen:
        raise BadRecord("conflicting_label", f"{place.seen[other_way]} prefers the other response")
    pair_id = _new_id(content_id(place.source, prompt_id, chosen, rejected), place)
    return values | {"pair_id": pair_id, "prompt_id": prompt_id}


def _instruction(row: Conversation, place: Place) -> Values:
    _check_turns(row.messages, last="assistant")
    if place.held_out and place.held_out(first_question(row.messages)):
        raise BadRecord("held_out_prompt", "it starts with a question that is held out")
    return {"conversation_id": _new_id(conversation_id(row.messages), place), "messages": row.messages}


def _prompt(row: Prompt, place: Place) -> Values:
    _check_turns(row.prompt, last="user")
    return row._asdict() | {"prompt_id": _new_id(conversation_id(row.prompt), place)}


TABLES: dict[str, tuple[type[dy.Schema], Callable[..., Values]]] = {
    "preferences": (Preferences, _preference),
    "instructions": (Instructions, _instruction),
    "prompts": (PromptPool, _prompt),
}


def _new_id(found: str, place: Place) -> str:
    if found in place.seen:
        raise BadRecord("duplicate", f"says the same as {place.seen[found]}")
    place.seen[found] = f"{place.source} row {place.number}"
    return found


def _check_turns(messages: list[Message], *, last: str) -> None:
    roles = [message["role"] for message in messages]
    turns = roles[1:] if roles[:1] == ["system"] else roles
    due = ["user", "assistant"] * (len(turns) // 2 + 1)
    if turns != due[: len(turns)] or turns[-1:] != [last]:
        shown = ", ".join(roles) or "none"
        raise BadRecord("turns_out_of_order", f"the roles are: {shown}; they alternate from user to {last}")
    for number, message in enumerate(messages):
        if not message["content"]:
            raise BadRecord("empty_turn", f"turn {number} ({message['role']})")
