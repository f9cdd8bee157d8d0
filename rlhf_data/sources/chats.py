"""The turns of a raw record → messages; a turn of another layout is a `BadRecord`.

{"conversations": [{"from": "human", "value": " Name a fish. "}]}  →  [{"role": "user", "content": "Name a fish."}]
"""

from __future__ import annotations

from collections.abc import Mapping

from rlhf_data.schemas import Message
from rlhf_data.sources import fields
from rlhf_data.sources.records import BadRecord

ROLES = {"system": "system", "user": "user", "assistant": "assistant"}
CHAT_ROLES = ROLES | {"human": "user", "gpt": "assistant"}  # ShareGPT's names too


def messages(
    record: object,
    name: str,
    *,
    role: str = "role",
    content: str = "content",
    roles: Mapping[str, str] = ROLES,
) -> list[Message]:
    """A field's turns; `role` and `content` are what the format calls a turn's fields, `roles` what it calls roles."""
    return [turn(found, role=role, content=content, roles=roles) for found in fields.items(record, name)]


def turn(record: object, *, role: str, content: str, roles: Mapping[str, str]) -> Message:
    """One turn of a dialogue, its role translated by `roles`; raises `BadRecord` for an unknown role."""
    said_by = fields.text(record, role)
    if said_by not in roles:
        raise BadRecord("unknown_role", f"{said_by[:40]!r} is none of: {', '.join(roles)}")
    said = fields.value(record, content)
    parts = said if isinstance(said, list) else [said]
    return {"role": roles[said_by], "content": "".join(_part(part, content) for part in parts).strip()}


def any_turn(record: object) -> Message:
    """A turn in either spelling: `role` and `content`, or `from` and `value`."""
    role, content = ("from", "value") if isinstance(record, dict) and "from" in record else ("role", "content")
    return turn(record, role=role, content=content, roles=CHAT_ROLES)


def before_answer(turns: list[Message]) -> list[Message]:
    """The turns without the assistant's last."""
    return turns[:-1] if turns[-1]["role"] == "assistant" else turns


def user_turn(record: object, name: str) -> list[Message]:
    """A prompt of one turn: a field's text."""
    return asked(fields.text(record, name), "")


def asked(instruction: str, given: str) -> list[Message]:
    """One user turn: an instruction, and what it is to be done with, if anything."""
    return [{"role": "user", "content": "\n\n".join(part for part in (instruction, given) if part)}]


def answered(prompt: list[Message], response: str) -> list[Message]:
    """A prompt with its final assistant turn."""
    return [*prompt, {"role": "assistant", "content": response}]


def _part(part: object, content: str) -> str:
    if not isinstance(part, dict):
        return fields.as_text(part, f"field {content!r}")
    if part.get("type") != "text":
        raise BadRecord("not_text", f"a part of {content!r} is not of type text")
    # unstripped here: a space may stand between two parts
    found = fields.value(part, "value", "text")
    fields.as_text(found, "a text part")
    return str(found)
