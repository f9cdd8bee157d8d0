"""Raw records in, a table of clean rows and a table of what was dropped and why out.

    {"prompt": "Name a fish.", "completion": "A carp."}  →  a row of instructions
    {"prompt": "Name a fish.", "completion": ""}         →  a reject: empty_turn, "turn 1 (assistant)"

A record is dropped when none of its rows can be kept, and is then one row of rejects: raw = kept + dropped.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import dataframely as dy
import polars as pl

from rlhf_data.errors import SourceError
from rlhf_data.records import BadRecord, Row
from rlhf_data.rows import TABLES, Place, Values
from rlhf_data.schemas import Rejects

RAW_CHARS = 20_000  # of a dropped record that are kept to look at
DETAIL_CHARS = 500


class Cleaned(NamedTuple):
    """What a source's records became; `raw` and `kept` count records, the tables' heights count rows."""

    kind: str
    table: pl.DataFrame
    rejects: pl.DataFrame
    raw: int
    kept: int


def clean(
    records: Iterable[object],
    parse: Callable[[Any], Sequence[Row]],
    *,
    source: str,
    kind: str,
    max_chars: int,
    seen: dict[str, str] | None = None,
    held_out: Callable[[str], bool] | None = None,
) -> Cleaned:
    """The rows of `kind` that `parse` finds in the records, each checked and none twice.

    `max_chars` bounds a whole record, as JSON text. Of two rows that say the same, or label the same two
    responses the other way round, the earlier one stays; sources that share `seen` share that memory (it maps a
    row's id to where it was met first). Conversations with a prompt that is `held_out` are dropped.
    """
    schema, make = TABLES[kind]
    seen = {} if seen is None else seen
    rows: dict[str, list[Any]] = {name: [] for name in schema.column_names()}
    rejects: dict[str, list[Any]] = {name: [] for name in Rejects.column_names()}
    raw = 0
    for number, record in enumerate(records):
        raw += 1
        try:
            # layout goes first: of a file in another format, length says nothing
            found = parse(record)
            _check_length(record, max_chars)
            # the prompt pool has one prompt per record: (source, row) is its key
            place = Place(source, number, seen, held_out)
            made = _new_rows(found, make, place, most=1 if kind == "prompts" else len(found))
        except BadRecord as bad:
            _append(rejects, _reject(record, bad) | {"source": source, "row": number})
        else:
            for values in made:
                _append(rows, values | {"source": source, "row": number})
    dropped = len(rejects["row"])
    return Cleaned(kind, _frame(rows, schema), _frame(rejects, Rejects), raw, raw - dropped)


def refuse_nothing_kept(cleaned: Cleaned, origin: str, format: str) -> None:
    """Raises `SourceError` where no record was kept: the file is hardly of the format that its params name."""
    if cleaned.kept:
        return
    if not cleaned.raw:
        raise SourceError(f"{origin}: no records\n  fetch it again, or take the source out of the params")
    rule, times = Counter(cleaned.rejects["rule"].to_list()).most_common(1)[0]
    detail = cleaned.rejects.filter(pl.col("rule") == rule)["detail"][0]
    raise SourceError(
        f"{origin}: 0 of {cleaned.raw} records can be used as {format}\n"
        f"  {rule} ({times} records), the first: {detail}\n"
        "  is it another format? correct the source's `format` or `kind` in the params"
    )


def _new_rows(found: Sequence[Row], make: Callable[..., Values], place: Place, *, most: int) -> list[Values]:
    """Up to `most` rows that are good and new; where there is none, raises the first row's `BadRecord`."""
    made: list[Values] = []
    refused = [] if found else [BadRecord("no_rows", "the record holds nothing to keep")]
    for row in found:
        if len(made) == most:
            break
        try:
            made.append(make(row, place))
        except BadRecord as bad:
            refused.append(bad)
    if not made:
        raise refused[0]
    return made


def _check_length(record: object, max_chars: int) -> None:
    chars = len(_json(record, ascii_only=False))
    if chars > max_chars:
        raise BadRecord("too_long", f"{chars} characters; at most {max_chars}")


def _reject(record: object, bad: BadRecord) -> Values:
    # a field's name may hold what no table can
    detail = bad.detail[:DETAIL_CHARS].encode(errors="backslashreplace").decode()
    try:
        raw = _json(record, ascii_only=True)[:RAW_CHARS]
    except BadRecord as unreadable:
        raw = json.dumps(str(unreadable))
    return {"rule": bad.rule, "detail": detail, "raw": raw}


def _json(record: object, *, ascii_only: bool) -> str:
    try:
        return json.dumps(record, ensure_ascii=ascii_only, default=str)
    except (TypeError, ValueError, RecursionError) as error:
        raise BadRecord("not_json", "the record cannot be written as JSON text, or is nested too deeply") from error


def _append(columns: dict[str, list[Any]], values: Values) -> None:
    for name, column in columns.items():
        column.append(values[name])


def _frame(columns: dict[str, list[Any]], schema: type[dy.Schema]) -> pl.DataFrame:
    # with its types given: an empty table must have them too
    return pl.DataFrame(columns, schema=schema.create_empty().schema)
