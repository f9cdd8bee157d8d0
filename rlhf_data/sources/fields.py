"""A field of a raw record → its checked value; a field that is absent or of another type is a `BadRecord`.

{"prompt": " Name a fish. ", "completion": "A carp."}, "prompt"  →  "Name a fish."
"""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal
from numbers import Integral, Real
from typing import Any

from rlhf_data.sources.records import BadRecord
from rlhf_data.sources.unread import noted

TURNS = re.compile(r'\s*\[\s*\{\s*"(role|from|content|value)"\s*:')
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?", re.IGNORECASE | re.ASCII)
WHOLE = re.compile(r"[+-]?\d{1,400}", re.ASCII)
UNRATED = {"", "n/a", "na", "nan", "none", "null", "-"}  # as CSV and its writers spell that there is no number
SHOWN = 40  # characters of a value in a message
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


def value_or_none(record: object, *names: str) -> Any:
    """The first of the fields `names` that is there and not null; None where there is none."""
    if isinstance(record, dict):
        for name in names:
            if record.get(name) is not None:
                return record[name]
    return None


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
    if TURNS.match(found):
        raise BadRecord(
            "json_text", f"{what} is a list of messages that was written as text, and this format reads text"
        )
    try:
        found.encode()
    except UnicodeEncodeError as error:
        # half of a surrogate pair: JSON can spell it, but neither Parquet nor a tokenizer can hold it
        raise BadRecord("not_unicode", f"{what} has a lone surrogate at character {error.start}") from error
    return found.strip()


def items(record: object, name: str) -> list[Any]:
    """A field's list, which has an item; one of messages may be written as JSON text, as CSV files hold it."""
    found = messages_of_text(value(record, name))
    if not isinstance(found, list):
        raise BadRecord("wrong_layout", f"field {name!r} is {_type(found)}, not a list")
    if not found:
        raise BadRecord("wrong_layout", f"field {name!r} is an empty list")
    return found


def as_number(found: object, what: str) -> float:
    """The value as a finite number, in whichever way the file's format spells it.

    Integers, floats and decimals of any library, text that spells one, true and false (1 and 0). Raises `BadRecord`:
    `unrated` for what says that nobody gave a number (null, NaN, N/A, empty text), `not_a_number` for one that a table
    cannot hold as it is, `wrong_layout` for the rest.
    """
    if found is None or (isinstance(found, str) and found.strip().lower() in UNRATED):
        raise BadRecord("unrated", f"{what} is {'null' if found is None else repr(found)}")
    if isinstance(found, str):
        if not NUMBER.fullmatch(found.strip()):
            raise BadRecord("wrong_layout", f"{what} is text, not a number: {found[:SHOWN]!r}")
        found = int(found) if WHOLE.fullmatch(found.strip()) else float(found)
    if not isinstance(found, Real | Decimal):
        raise BadRecord("wrong_layout", f"{what} is {_type(found)}, not a number")
    try:
        number = float(found)
    except OverflowError:
        number = math.inf
    if math.isnan(number):
        raise BadRecord("unrated", f"{what} is NaN")
    if not math.isfinite(number):
        raise BadRecord("not_a_number", f"{what} is not finite")
    if isinstance(found, Integral) and int(number) != int(found):
        raise BadRecord("not_a_number", f"{what} has more digits than a table's number can hold")
    return number


def number(record: object, *names: str) -> float:
    """A field's finite number; null says that nobody gave one, which is another fault than a field that is absent."""
    if isinstance(record, dict) and any(name in record for name in names):
        return as_number(value_or_none(record, *names), f"field {names[0]!r}")
    return as_number(value(record, *names), f"field {names[0]!r}")


def optional_number(record: object, *names: str) -> float | None:
    """The number of the first of the fields that is there; None where there is none, or nobody gave it."""
    return optional_as_number(value_or_none(record, *names), f"field {names[0]!r}")


def optional_as_number(found: object, what: str) -> float | None:
    """As `as_number`, but None where nobody gave the number."""
    try:
        return as_number(found, what)
    except BadRecord as bad:
        if bad.rule == "unrated":
            return None
        raise


def rating(found: str) -> float:
    """A rating written as text; raises `BadRecord` (`unrated`) where it spells no number."""
    try:
        return as_number(found, "a rating")
    except BadRecord as bad:
        raise BadRecord("unrated", f"a rating is {found[:SHOWN]!r}") from bad


def boolean(record: object, name: str) -> bool:
    """A field that is true or false, also as 1 or 0, or as text."""
    found = value(record, name)
    spelt = {"true": True, "false": False}.get(found.strip().lower(), found) if isinstance(found, str) else found
    try:
        return {0.0: False, 1.0: True}[as_number(spelt, f"field {name!r}")]
    except (KeyError, BadRecord) as bad:
        raise BadRecord("wrong_layout", f"field {name!r} is {_type(found)}, not a boolean") from bad


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


def messages_of_text(found: object) -> object:
    """The list of messages that a text spells as JSON; any other value as it is."""
    return _parsed(found) if isinstance(found, str) else found


def _parsed(text: str) -> object:
    if not TURNS.match(text):
        return text
    try:
        return noted(json.loads(text))
    except (ValueError, RecursionError):
        return text


def shown(found: object) -> str:
    """A value as a message quotes it: text, numbers and null, cut; of anything else what it is."""
    if isinstance(found, str | float | bool) or found is None:
        return repr(found)[:SHOWN]
    return repr(found) if isinstance(found, int) and abs(found) < 10**SHOWN else _type(found)


def _type(found: object) -> str:
    found = dict(found) if isinstance(found, dict) else found
    return "null" if found is None else NAMES.get(type(found), type(found).__name__)
