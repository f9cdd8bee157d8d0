"""A field of a raw record → its checked value; a field that is absent or of another type is a `BadRecord`.

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
NAMES_SHOWN = 12  # field names that a message lists


def value(record: object, *names: str) -> Any:
    """The first of the fields `names` that is there and not null."""
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
    """A field's text, stripped; it may be empty, which `filters` judges."""
    return as_text(value(record, *names), f"field {names[0]!r}")


def optional_text(record: object, name: str) -> str:
    """A field's text, stripped; empty where the field is absent or null."""
    if isinstance(record, dict) and record.get(name) is None:
        return ""
    return text(record, name)


def as_text(found: object, what: str) -> str:
    """The value as text, stripped; raises `BadRecord` where it is no text."""
    if not isinstance(found, str):
        raise BadRecord("wrong_layout", f"{what} is {_type(found)}, not text")
    try:
        found.encode()
    except UnicodeEncodeError as error:
        # half of a surrogate pair: JSON can spell it, but neither Parquet nor a tokenizer can hold it
        raise BadRecord("not_unicode", f"{what} has a lone surrogate at character {error.start}") from error
    return found.strip()


def items(record: object, name: str) -> list[Any]:
    """A field's list, which has at least one item."""
    found = value(record, name)
    if not isinstance(found, list):
        raise BadRecord("wrong_layout", f"field {name!r} is {_type(found)}, not a list")
    if not found:
        raise BadRecord("wrong_layout", f"field {name!r} is an empty list")
    return found


def as_number(found: object, what: str) -> float:
    """The value as a finite number; raises `BadRecord` for anything else, text that spells a number included."""
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise BadRecord("wrong_layout", f"{what} is {_type(found)}, not a number")
    try:
        number = float(found)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise BadRecord("not_a_number", f"{what} is not finite")
    return number


def number(record: object, *names: str) -> float:
    """A field that is a finite number."""
    return as_number(value(record, *names), f"field {names[0]!r}")


def score(record: object, *names: str) -> float:
    """A field's number; null and N/A say that nobody gave one, which is another fault than a wrong layout."""
    for name in names:
        if isinstance(record, dict) and name in record and record[name] in (None, "N/A"):
            raise BadRecord("unrated", f"field {name!r} is {'null' if record[name] is None else 'N/A'}")
    return number(record, *names)


def optional_number(record: object, name: str) -> float | None:
    """A field's number, also one written as text; None where it is absent, null or other text."""
    found = record.get(name) if isinstance(record, dict) else None
    if isinstance(found, str):
        try:
            found = float(found)
        except ValueError:
            return None
    return None if found is None else as_number(found, f"field {name!r}")


def whole(rating: str) -> int:
    """A rating written as text."""
    try:
        return int(rating[:9])
    except ValueError as error:
        raise BadRecord("unrated", f"a rating is {rating[:40]!r}") from error


def boolean(record: object, name: str) -> bool:
    """A field that is true or false."""
    found = value(record, name)
    if not isinstance(found, bool):
        raise BadRecord("wrong_layout", f"field {name!r} is {_type(found)}, not a boolean")
    return found


def choice(record: object, name: str) -> int:
    """A field that says 0 or 1 for one of two sides."""
    found = number(record, name)
    if found not in (0, 1):
        raise BadRecord("wrong_layout", f"field {name!r} is {found}, not 0 or 1")
    return int(found)


def at(record: object, path: str | None) -> Any:
    """What `path` leads to: a field's name, or names and places in lists with dots between them."""
    if isinstance(record, dict) and record.get(path) is not None:
        return record[path]
    found = record
    for name in (path or "").split("."):
        if isinstance(found, list) and name.isdecimal() and int(name[:9]) < len(found):
            found = found[int(name)]
        else:
            found = value(found, name)
    if found is None:
        raise BadRecord("wrong_layout", f"field {path!r} is null")
    return found


def optional_at(record: object, path: str | None) -> Any:
    """What `path` leads to; None where it leads nowhere."""
    try:
        return None if path is None else at(record, path)
    except BadRecord:
        return None


def all_pairs(responses: Sequence[Response]) -> list[Comparison]:
    """Every two responses with unequal scores, the higher one preferred; raises `BadRecord` where there are none."""
    if len(responses) < 2:
        raise BadRecord("no_pair", f"{len(responses)} rated response(s)")
    return usable(lambda pair: compared(*pair), combinations(responses, 2))


def usable(make: Callable[[Item], Made], found: Iterable[Item]) -> list[Made]:
    """What `make` gives for each item that it does not refuse; where it refuses all, its first `BadRecord`."""
    made: list[Made] = []
    refused: list[BadRecord] = []
    for item in found:
        try:
            made.append(make(item))
        except BadRecord as bad:
            refused.append(bad)
    if refused and not made:
        raise refused[0]
    return made


def _type(found: object) -> str:
    return "null" if found is None else NAMES.get(type(found), type(found).__name__)
