"""Which fields of a raw record its format read, and which it left: what is left may have changed what was said.

{"question": "Name a fish.", "answer": "A carp.", "tags": ["zoo"], "system": "Be rude."}, read as question and answer
→  tags, which is counted, and system, for which the record is refused
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, TypeVar

from rlhf_data.sources.records import BadRecord

Made = TypeVar("Made")

# Fields that say what was asked or answered, by whom or for whom: a record that has one must not be taken without it
MEANING = frozenset({
    *("system", "system_prompt", "system_message", "history", "input", "context", "weight", "refusal"),
    *("reasoning", "reasoning_content", "thinking", "tool_calls", "function_call", "function_calls"),
    *("tools", "functions", "tool_call_id", "image", "images", "audio", "video", "documents"),
})  # fmt: skip
# Fields that say where a record comes from: no format reads them, and none is the poorer for it
LEFT = frozenset({
    *("id", "_id", "uid", "uuid", "idx", "index", "row_id", "record_id", "prompt_id", "conversation_id"),
    *("question_id", "hash", "md5", "source", "sources", "dataset", "origin", "url", "license", "licence"),
    *("split", "subset", "category", "categories", "task", "task_type", "tags", "topic", "domain", "language"),
    *("lang", "model", "models", "generator", "generation_model", "timestamp", "created", "created_at"),
    *("updated_at", "date", "metadata", "meta", "extra", "name", "turn", "annotator_id", "worker", "user_id"),
})  # fmt: skip


class Noted(dict[Any, Any]):
    """A record, objects within it included, that notes which of its fields are read."""

    def __init__(self, record: dict[Any, Any]) -> None:
        super().__init__(record)
        self.asked: set[Any] = set()

    def __getitem__(self, name: Any) -> Any:
        self.asked.add(name)
        found = super().__getitem__(name)
        if isinstance(found, dict | list):
            found = noted(found)
            self[name] = found  # the same object another time, with what was read of it so far
        return found

    def get(self, name: Any, default: Any = None) -> Any:
        """The field's value, or `default`, as of any dict."""
        return self[name] if name in self else default  # noqa: SIM401  # it would call itself

    def values(self) -> Any:
        """All values, each of which is read by that."""
        return [self[name] for name in self]

    def items(self) -> Any:
        """All names and values, each of which is read by that."""
        return [(name, self[name]) for name in self]


def noted(found: Any) -> Any:
    """A value in which each object notes what is read of it."""
    if isinstance(found, dict):
        return found if isinstance(found, Noted) else Noted(found)
    return [noted(one) for one in found] if isinstance(found, list) else found


def unread(found: Any, prefix: str = "") -> Iterator[str]:
    """Names of the fields that hold something and were not read; `messages.name` is one of an item of `messages`."""
    if isinstance(found, list):
        for item in found:
            yield from unread(item, prefix)
    elif isinstance(found, Noted):
        for name, value in dict.items(found):
            if name in found.asked:
                yield from unread(value, f"{prefix}{name}.")
            elif value not in (None, "", [], {}):
                yield f"{prefix}{name}"


def reading(
    parse: Callable[[Any], Made], leaves: Iterable[str], note: Callable[[Iterable[str]], None]
) -> Callable[[Any], Made]:
    """`parse`, which also tells `note` which fields it left, but for those that its format knowingly `leaves`.

    What it gives raises `BadRecord` where a field of `MEANING` is among them.
    """
    return partial(_read, parse, frozenset(leaves), note)


def _read(
    parse: Callable[[Any], Made], leaves: frozenset[str], note: Callable[[Iterable[str]], None], record: Any
) -> Made:
    record = noted(record)
    made = parse(record)
    left = {name for name in unread(record) if name not in leaves and name.rpartition(".")[2] not in LEFT}
    if meant := sorted(name for name in left if name.rpartition(".")[2] in MEANING):
        raise BadRecord("unread_field", f"{', '.join(meant)}: says more than what this format reads")
    note(left)
    return made
