"""Records that a source asks for by their own fields (`where`); each other one is rejected with what it has instead.

where: {lang: [en, de]}, {"lang": "fr", …}  →  a reject: not_wanted, "lang is 'fr'"
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rlhf_data.params.sources import Scalar
from rlhf_data.sources import fields
from rlhf_data.sources.labels import same
from rlhf_data.sources.records import BadRecord, Row


def wanted(
    parse: Callable[[Any], Sequence[Row]], where: Mapping[str, Scalar | list[Scalar]], record: Any
) -> Sequence[Row]:
    """What `parse` gives; raises `BadRecord` where a field has none of its values (null: where it is absent)."""
    for name, values in where.items():
        found = fields.optional_at(record, name)
        if not any(_has(found, value) for value in (values if isinstance(values, list) else [values])):
            raise BadRecord("not_wanted", f"{name} is {fields.shown(found)}")
    return parse(record)


def _has(found: Any, value: Scalar) -> bool:
    if found is None or value is None:
        return found is value
    if isinstance(value, bool):  # CSV has only texts
        return found is value or (isinstance(found, str) and found.strip().lower() == str(value).lower())
    return not isinstance(found, bool) and same(found, value)
