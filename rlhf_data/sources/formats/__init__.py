r"""A raw record of a public data set → our rows, or a `BadRecord`: one module per format.

    hh_rlhf: {"chosen": "\n\nHuman: Hi.\n\nAssistant: Hello!", "rejected": "\n\nHuman: Hi.\n\nAssistant: What?"}
    →  [Comparison([{"role": "user", "content": "Hi."}], "Hello!", "What?")]

A format has a function for each kind it can give: `preferences`, `instructions`, `prompts`. What it leaves open is a
keyword parameter of the function, filled from the option of the same name in the source's params (`params/sources.py`).
The format of one data set says in `ABOUT` whose it is. Which fields a format reads is seen when it reads (`unread`);
those that it knowingly leaves stand in its `LEAVES`. `fields`, `chats` and `transcripts` are what several formats
share.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from inspect import signature
from types import ModuleType
from typing import Any

from rlhf_data.errors import SourceError
from rlhf_data.sources.about import About
from rlhf_data.sources.records import Row

KINDS = ("preferences", "instructions", "prompts")

Parser = Callable[[Any], Sequence[Row]]


def parser(format: str, kind: str, options: Mapping[str, object] | None = None) -> Parser:
    """What makes rows of `kind` from a record of `format`; it takes those of `options` that it has parameters for.

    Raises `SourceError` where the format has no such kind.
    """
    module = _module(format)
    kinds = [name for name in KINDS if hasattr(module, name)]
    if kind not in kinds:
        raise SourceError(f"format {format} gives no {kind}\n  it gives: {', '.join(kinds)}")
    found: Parser = getattr(module, kind)
    taken = list(signature(found).parameters)[1:]
    return partial(found, **{name: value for name, value in (options or {}).items() if name in taken})


def about(format: str) -> About | None:
    """Whose data set a format is of; None for a layout that many data sets share."""
    found: About | None = getattr(_module(format), "ABOUT", None)
    return found


def leaves(format: str) -> Collection[str]:
    """Fields of its records that a format knowingly does not read: its `LEAVES`, and those of the layout it takes."""
    module = _module(format)
    reading = {module.__name__, *(getattr(module, kind).__module__ for kind in KINDS if hasattr(module, kind))}
    return {name for one in reading for name in getattr(import_module(one), "LEAVES", ())}


def subset(format: str, record: Any) -> str | None:
    """The part of its benchmark that a record says it belongs to; None where the format or the record has none."""
    find: Callable[[Any], str | None] | None = getattr(_module(format), "subset", None)
    return find(record) if find else None


def with_subset(format: str, kind: str, options: Mapping[str, object]) -> Parser:
    """As `parser`, for records whose `subset` will be asked for: where that fails, the record is bad."""
    parse = parser(format, kind, options)

    def parsed(record: Any) -> Sequence[Row]:
        rows = parse(record)
        subset(format, record)
        return rows

    return parsed


def _module(format: str) -> ModuleType:
    if not format.isidentifier() or find_spec(f"{__name__}.{format}") is None:
        raise SourceError(f"no such format: {format!r}\n  rlhf_data/sources/formats/ has one module per format")
    return import_module(f"{__name__}.{format}")
