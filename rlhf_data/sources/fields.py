"""Typed access to fields of a raw record; an absent field or one of another type raises `BadRecord`.

{"prompt": " Name a fish. ", "completion": "A carp."}, "prompt"  →  "Name a fish."
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from typing import Any, TypeVar

from rlhf_data.sources.records import BadRecord, Comparison, Response, compared

Item = TypeVar("Item")
Made = TypeVar("Made")

NAMES = {dict: "an object", list: "a list", str: "text", bool: "a boolean", int: "a number", float: "a number"}
NAMES_SHOWN = 12  # field names listed in a message


def value(record: object, *names: str) -> Any:
    """The first of the fields `names` that is present and not null; raises `BadRecord` where there is none."""
    if not isinstance(record, dict):
        raise BadRecord("wrong_layout", f"the record is {_type(record)}, not an object")
    for name in names:
        if record.get(name) is not None:
            return record[name]
    wanted = " or ".join(repr(name) for name in names)
    if any(name in record for name in names):
        raise BadRecord("wrong_layout", f"field {wanted} is null")
    shown = [str(name)[:40] for name in list(record)[:NAMES_SHOWN]]
    raise BadRecord("wrong_layout", f"no field {wanted}; it has: {', '.join(shown) or 'none'}")


def text(record: object, *names: str) -> str:
    """Text of the first present field, stripped; may be empty, which `cleaning.validation` rejects."""
    return as_text(value(record, *names), f"field {names[0]!r}")


def optional_text(record: object, name: str) -> str:
    """Text of a field, stripped; empty where the field is absent or null."""
    if isinstance(record, dict) and record.get(name) is None:
        return ""
    return text(record, name)


def as_text(item: object, what: str) -> str:
    """The value as text, stripped; raises `BadRecord` where it is no text or not valid Unicode."""
    if not isinstance(item, str):
        raise BadRecord("wrong_layout", f"{what} is {_type(item)}, not text")
    try:
        item.encode()
    except UnicodeEncodeError as error:
        # half of a surrogate pair: JSON can escape it, but neither Parquet nor a tokenizer accepts it
        raise BadRecord("not_unicode", f"{what} has a lone surrogate at character {error.start}") from error
    return item.strip()


def items(record: object, name: str) -> list[Any]:
    """The items of a list field; raises `BadRecord` for an empty list."""
    content = value(record, name)
    if not isinstance(content, list):
        raise BadRecord("wrong_layout", f"field {name!r} is {_type(content)}, not a list")
    if not content:
        raise BadRecord("wrong_layout", f"field {name!r} is an empty list")
    return content


def as_number(item: object, what: str) -> float:
    """The value as a finite number; raises `BadRecord` for another type (text and booleans included), NaN, infinity."""
    if isinstance(item, bool) or not isinstance(item, int | float):
        raise BadRecord("wrong_layout", f"{what} is {_type(item)}, not a number")
    try:
        number = float(item)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise BadRecord("not_a_number", f"{what} is not finite")
    return number


def number(record: object, *names: str) -> float:
    """The finite number in the first present field."""
    return as_number(value(record, *names), f"field {names[0]!r}")


def score(record: object, *names: str) -> float:
    """The finite number in the first present field; null and "N/A" raise `BadRecord` with the rule `unrated`."""
    for name in names:
        if isinstance(record, dict) and name in record and record[name] in (None, "N/A"):
            raise BadRecord("unrated", f"field {name!r} is {'null' if record[name] is None else 'N/A'}")
    return number(record, *names)


def optional_number(record: object, name: str) -> float | None:
    """A field's number, also one written as text; None where it is absent, null or any other text."""
    content = record.get(name) if isinstance(record, dict) else None
    if isinstance(content, str):
        try:
            content = float(content)
        except ValueError:
            return None
    return None if content is None else as_number(content, f"field {name!r}")


def rating(text: str) -> int:
    """A whole-number rating written as text; raises `BadRecord` (`unrated`) for any other text."""
    try:
        return int(text[:9])
    except ValueError as error:
        raise BadRecord("unrated", f"a rating is {text[:40]!r}") from error


def boolean(record: object, name: str) -> bool:
    """The value of a boolean field."""
    content = value(record, name)
    if not isinstance(content, bool):
        raise BadRecord("wrong_layout", f"field {name!r} is {_type(content)}, not a boolean")
    return content


def choice(record: object, name: str) -> int:
    """The index of the preferred response, 0 or 1."""
    index = number(record, name)
    if index not in (0, 1):
        raise BadRecord("wrong_layout", f"field {name!r} is {index}, not 0 or 1")
    return int(index)


def at(record: object, path: str | None) -> Any:
    """The value at `path`: a field name, or names and list indices separated by dots (`answers.0.text`).

    Raises `BadRecord` where the path does not exist or its value is null.
    """
    if isinstance(record, dict) and record.get(path) is not None:
        return record[path]
    node = record
    for name in (path or "").split("."):
        if isinstance(node, list) and name.isdecimal() and int(name[:9]) < len(node):
            node = node[int(name)]
        else:
            node = value(node, name)
    if node is None:
        raise BadRecord("wrong_layout", f"field {path!r} is null")
    return node


def optional_at(record: object, path: str | None) -> Any:
    """The value at `path`; None where the path is None or does not exist."""
    try:
        return None if path is None else at(record, path)
    except BadRecord:
        return None


def all_pairs(responses: Sequence[Response]) -> list[Comparison]:
    """All comparisons of two responses with unequal scores, the higher one chosen; raises `BadRecord` if none."""
    if len(responses) < 2:
        raise BadRecord("no_pair", f"{len(responses)} rated response(s)")
    return usable(lambda pair: compared(*pair), combinations(responses, 2))


def usable(make: Callable[[Item], Made], candidates: Iterable[Item]) -> list[Made]:
    """The results of `make` for the items that it accepts; raises its first `BadRecord` where it rejects all."""
    made: list[Made] = []
    refused: list[BadRecord] = []
    for item in candidates:
        try:
            made.append(make(item))
        except BadRecord as bad:
            refused.append(bad)
    if refused and not made:
        raise refused[0]
    return made


def _type(item: object) -> str:
    return "null" if item is None else NAMES.get(type(item), type(item).__name__)
