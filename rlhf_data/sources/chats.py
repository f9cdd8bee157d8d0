"""The turns of a raw record → messages; a turn of another layout is a `BadRecord`.

{"conversations": [{"from": "human", "value": " Name a fish. "}]}  →  [{"role": "user", "content": "Name a fish."}]
"""

from __future__ import annotations

from collections.abc import Iterable

from rlhf_data.schemas import Message
from rlhf_data.sources import fields
from rlhf_data.sources.records import BadRecord

ROLES = {  # as OpenAI, ShareGPT and those after them call them
    **{"system": "system", "developer": "system", "user": "user", "human": "user"},
    **{"assistant": "assistant", "gpt": "assistant"},
}
WEIGHTS = ("weight", "loss_weight", "train")  # of a turn in the loss; `train` may be false
ROLE, CONTENT = ("role", "from"), ("content", "value")  # a turn's fields, in either spelling


def messages(record: object, name: str, *, learnt: bool = False) -> list[Message]:
    """A field's turns, after the system message that stands beside them in the record.

    `learnt` says that the assistant's turns are to be trained on: one of weight 0 is a `BadRecord` then.
    """
    return with_system(record, turns(fields.items(record, name), learnt=learnt))


def turns(found: Iterable[object], *, learnt: bool = False) -> list[Message]:
    """The turns of a list, without a system message that says nothing."""
    made = [turn(one, learnt=learnt) for one in found]
    return [one for one in made if one["content"] or one["role"] != "system"]


def turn(record: object, *, learnt: bool = False) -> Message:
    """One turn, its role in our words; raises `BadRecord` for an unknown role, and one of `weight` 0 if `learnt`."""
    said_by = fields.text(record, *ROLE)
    if said_by not in ROLES:
        raise BadRecord("unknown_role", f"{said_by[:40]!r} is none of: {', '.join(ROLES)}")
    said = fields.value(record, *CONTENT)
    parts = said if isinstance(said, list) else [said]
    found: Message = {"role": ROLES[said_by], "content": "".join(_part(part) for part in parts).strip()}
    weights = [fields.optional_number(record, name) for name in WEIGHTS]
    if learnt and 0 in weights and found["role"] == "assistant":
        raise BadRecord("not_to_learn", "an answer has weight 0, and every answer of a conversation is learnt")
    return found


def with_system(record: object, turns: list[Message]) -> list[Message]:
    """The turns after the text of the record's own field `system` (or `system_prompt`), where they have none."""
    given = fields.value_or_none(record, "system", "system_prompt")
    said = "" if given is None else fields.as_text(given, "field 'system'")
    if not said:
        return turns
    if turns and turns[0]["role"] == "system":
        if turns[0]["content"] != said:
            raise BadRecord("two_systems", "field 'system' (or 'system_prompt') and the first turn differ")
        return turns
    return [{"role": "system", "content": said}, *turns]


def history(record: object) -> list[Message]:
    """The turns before an instruction, of a field `history` that lists questions with their answers, if any."""
    found = fields.value_or_none(record, "history") or []
    if not isinstance(found, list) or not all(isinstance(one, list) and len(one) == 2 for one in found):
        raise BadRecord("wrong_layout", "field 'history' is no list of a question and its answer each")
    said = [(role, text) for one in found for role, text in zip(("user", "assistant"), one, strict=True)]
    return [{"role": role, "content": fields.as_text(text, "a text of 'history'")} for role, text in said]


def before_answer(turns: list[Message]) -> list[Message]:
    """The turns without the assistant's last."""
    return turns[:-1] if turns[-1]["role"] == "assistant" else turns


def user_turn(record: object, name: str) -> list[Message]:
    """A prompt of one turn: a field's text, after the record's own system message, if it has one."""
    return with_system(record, asked(fields.text(record, name), ""))


def asked(instruction: str, given: str) -> list[Message]:
    """One user turn: an instruction, and what it is to be done with, if anything."""
    return [{"role": "user", "content": "\n\n".join(part for part in (instruction, given) if part)}]


def answered(prompt: list[Message], response: str) -> list[Message]:
    """A prompt with its final assistant turn."""
    return [*prompt, {"role": "assistant", "content": response}]


def _part(part: object) -> str:
    if not isinstance(part, dict):
        return fields.as_text(part, "a turn's content")
    if part.get("type") != "text":
        raise BadRecord("not_text", "a part of a turn's content is not of type text")
    # unstripped here: a space may stand between two parts
    found = fields.value(part, "value", "text")
    fields.as_text(found, "a text part")
    return str(found)
