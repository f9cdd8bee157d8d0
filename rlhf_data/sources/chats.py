"""Chat turns of a raw record → messages; any other layout raises `BadRecord`.

{"conversations": [{"from": "human", "value": " Name a fish. "}]}  →  [{"role": "user", "content": "Name a fish."}]
"""

from __future__ import annotations

from collections.abc import Mapping

from rlhf_data.schemas import Message
from rlhf_data.sources import fields
from rlhf_data.sources.records import BadRecord

ROLES = {"system": "system", "user": "user", "assistant": "assistant"}
CHAT_ROLES = ROLES | {"human": "user", "gpt": "assistant"}  # with ShareGPT's role names


def messages(
    record: object,
    name: str,
    *,
    role: str = "role",
    content: str = "content",
    roles: Mapping[str, str] = ROLES,
) -> list[Message]:
    """The messages in field `name`, a list of turns; raises `BadRecord` for any other layout.

    `role` and `content` are the format's field names within a turn; `roles` maps its role names to ours.
    """
    return [turn(item, role=role, content=content, roles=roles) for item in fields.items(record, name)]


def turn(record: object, *, role: str, content: str, roles: Mapping[str, str]) -> Message:
    """One turn as a message, its role mapped by `roles`; raises `BadRecord` for an unknown role or non-text content."""
    role_name = fields.text(record, role)
    if role_name not in roles:
        raise BadRecord("unknown_role", f"{role_name[:40]!r} is none of: {', '.join(roles)}")
    value = fields.value(record, content)
    parts = value if isinstance(value, list) else [value]
    return {"role": roles[role_name], "content": "".join(_part(part, content) for part in parts).strip()}


def any_turn(record: object) -> Message:
    """One turn as a message, from the fields `role` and `content`, or `from` and `value` (ShareGPT)."""
    role, content = ("from", "value") if isinstance(record, dict) and "from" in record else ("role", "content")
    return turn(record, role=role, content=content, roles=CHAT_ROLES)


def before_answer(turns: list[Message]) -> list[Message]:
    """The turns without a final assistant turn, if there is one."""
    return turns[:-1] if turns[-1]["role"] == "assistant" else turns


def user_turn(record: object, name: str) -> list[Message]:
    """A single-turn prompt from a text field."""
    return user_prompt(fields.text(record, name), "")


def user_prompt(instruction: str, context: str = "") -> list[Message]:
    """A single-turn prompt: the instruction and, after a blank line, its context (Alpaca's `input`) if not empty."""
    return [{"role": "user", "content": "\n\n".join(part for part in (instruction, context) if part)}]


def with_response(prompt: list[Message], response: str) -> list[Message]:
    """The prompt followed by the response as its final assistant turn."""
    return [*prompt, {"role": "assistant", "content": response}]


def _part(part: object, content: str) -> str:
    if not isinstance(part, dict):
        return fields.as_text(part, f"field {content!r}")
    if part.get("type") != "text":
        raise BadRecord("not_text", f"a part of {content!r} is not of type text")
    # not stripped here: a part may begin or end with the space that separates it from the next
    text = fields.value(part, "value", "text")
    fields.as_text(text, "a text part")
    return str(text)
