"""Which formats fit a file's records, how many each keeps, and the line of params that reads them.

[{"question": "Name a fish.", "better": "A carp.", "worse": "A whale."}]
→  custom, preferences, 1 of 1 kept, by {prompt: question, chosen: better, rejected: worse}
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple, get_args, get_type_hints

import polars as pl
from pydantic import TypeAdapter, ValidationError

from rlhf_data.cleaning import ingest
from rlhf_data.errors import SourceError
from rlhf_data.params.sources import Recorded
from rlhf_data.sources import formats

MAX_CHARS = 1_000_000  # nothing is too long to look at
NEEDED = {"shp": {"min_ratio": 2.0}}  # options without a default
# names under which people keep what `custom` asks for, likeliest first
GUESSES: dict[str, tuple[str, ...]] = {
    "prompt": ("prompt", "question", "instruction", "query", "ask", "input", "context"),
    "chosen": ("chosen", "better", "preferred", "accepted", "win", "good"),
    "rejected": ("rejected", "worse", "dispreferred", "lose", "bad"),
    "first": ("response_a", "response_1", "response1", "answer_a", "output_1", "a"),
    "second": ("response_b", "response_2", "response2", "answer_b", "output_2", "b"),
    "label": ("label", "winner", "preference", "verdict"),
    "response": ("response", "answer", "completion", "output", "reply", "text"),
    "score": ("score", "rating", "reward", "stars"),
    "system": ("system", "system_prompt", "system_message"),
    "messages": ("messages", "conversations", "conversation", "turns", "dialogue", "chat", "talk"),
}
BESIDE = ("input", "context")  # a prompt only where there is no likelier one
FIRST = 10  # records whose fields are looked at
WAYS = {  # the fields that a kind can be made of
    "preferences": (("prompt", "chosen", "rejected"), ("chosen", "rejected"), ("prompt", "first", "second", "label"),
                    ("first", "second", "label"), ("prompt", "response", "score")),
    "instructions": (("messages",), ("prompt", "response")),
    "prompts": (("prompt",), ("messages",)),
}  # fmt: skip


class Fit(NamedTuple):
    """A format that keeps some of the records, and what it makes of them."""

    source: dict[str, Any]  # as in params, without its path
    cleaned: ingest.Cleaned


def fits(records: Sequence[object]) -> list[Fit]:
    """The formats that keep any of the records, the likeliest first.

    A kind that holds more comes before one that holds less of each record (a comparison also has a prompt), unless it
    keeps less than half as many; then those that keep most, and leave least unread.
    """
    found = [fit for fit in _tries(records) if fit.cleaned.kept]
    most = max((fit.cleaned.kept for fit in found), default=0)

    def order(fit: Fit) -> tuple[Any, ...]:
        kind, format = fit.source["kind"], fit.source["format"]
        few = 2 * fit.cleaned.kept < most
        # a format of one data set says no more than the layout that others share with it
        shared = formats.about(format) is not None
        left = len(fit.cleaned.unread)
        return few, formats.KINDS.index(kind), -fit.cleaned.kept, left, format == "custom", shared, format

    return sorted(found, key=order)


def nearest(records: Sequence[object]) -> str | None:
    """Why the format that comes nearest keeps none of the records; None where all of them have another layout."""
    near = [
        (rejects.height, -formats.KINDS.index(fit.source["kind"]), formats.about(fit.source["format"]) is None, fit)
        for fit in _tries(records)
        for rejects in [fit.cleaned.rejects.filter(pl.col("rule") != "wrong_layout")]
        if rejects.height and not fit.cleaned.kept
    ]
    if not near:
        return None
    fit = max(near, key=lambda one: one[:3])[-1]
    reject = fit.cleaned.rejects.filter(pl.col("rule") != "wrong_layout").row(0, named=True)
    cure = ingest.CURES.get(reject["rule"])
    told = f"{fit.source['format']}, {fit.source['kind']}, comes nearest: {reject['rule']}, {reject['detail']}"
    return f"{told}\n  {cure}" if cure else told


def paths(record: object, prefix: str = "") -> Iterator[str]:
    """Where the texts, numbers and lists of a record are, with dots between the names: `task.question`."""
    if isinstance(record, dict):
        for name, value in record.items():
            yield from paths(value, f"{prefix}{name}.") if isinstance(value, dict) else (f"{prefix}{name}",)


def _candidates(records: Sequence[object]) -> Iterator[dict[str, Any]]:
    for section in get_args(Recorded):
        for format in get_args(get_type_hints(section)["format"]):
            for kind in formats.KINDS if format != "custom" else ():
                yield {"format": format, "kind": kind, **NEEDED.get(format, {})}
    known = list(dict.fromkeys(path for record in records[:FIRST] for path in paths(record)))
    also = {"system": _guessed("system", known)[0]} if _guessed("system", known) else {}
    for kind, ways in WAYS.items():
        for way in ways:
            for chosen in list(product(*(_guessed(field, known) for field in way)))[:4]:
                yield {"format": "custom", "kind": kind, **dict(zip(way, chosen, strict=True)), **also}


def _guessed(field: str, known: Sequence[str]) -> list[str]:
    """The paths that may be what `custom` calls `field`, likeliest first; what goes with a question is none itself."""
    found = [path for guess in GUESSES[field] for path in known if path.split(".")[-1].lower() == guess]
    return [path for path in found if path.split(".")[-1].lower() not in BESIDE] or found


def _tries(records: Sequence[object]) -> Iterator[Fit]:
    for source in _candidates(records):
        cleaned = _tried(records, source)
        if cleaned is not None:
            yield Fit(source, cleaned)


def _tried(records: Sequence[object], source: dict[str, Any]) -> ingest.Cleaned | None:
    try:
        section: Any = TypeAdapter[Any](Recorded).validate_python(source | {"path": "a file"})
        parse = formats.parser(source["format"], source["kind"], vars(section) | {"seed": 0})
    except (ValidationError, SourceError):
        return None
    leaves = formats.leaves(source["format"])
    return ingest.clean(records, parse, source="file", kind=source["kind"], max_chars=MAX_CHARS, leaves=leaves)
