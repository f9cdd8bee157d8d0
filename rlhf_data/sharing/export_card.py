"""A table that leaves the project → the data card that goes with it: Markdown with the hub's YAML front matter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import dataframely as dy

from rlhf_data import schemas
from rlhf_data.reports import templates
from rlhf_data.reports.mix_card import Origin

NO_LICENCE = "other"  # the hub's word where there are several, or none is known


class Column(NamedTuple):
    """One column of an exported table, for its card."""

    name: str
    type: str
    says: str  # what it means


class Split(NamedTuple):
    """One split of an exported table: its name, rows and files."""

    name: str
    rows: int
    path: str  # of its files, as a pattern


def columns(schema: type[dy.Schema], kept: Mapping[str, object]) -> list[Column]:
    """The columns of an export: `kept` are their types by name; what the schema says of each goes along."""
    says = schemas.COLUMNS | schemas.meanings(schema)
    return [Column(name, str(kind), says.get(name, "")) for name, kind in kept.items()]


def card(
    table: str,
    *,
    describes: str,
    layout: str,
    splits: Sequence[Split],
    columns: Sequence[Column],
    origins: Mapping[str, Origin] | None,
    origin: str,
) -> str:
    """The card's text; `origins` are the sources of its rows, None where that revision's params cannot be read."""
    known = [one.about.licence.lower() for one in (origins or {}).values() if one.about]
    same = origins is not None and len(known) == len(origins) and len(set(known)) == 1
    return (
        templates.environment("rlhf_data.sharing")
        .get_template("export_card.md.jinja")
        .render(
            table=table,
            describes=describes,
            layout=layout,
            splits=splits,
            columns=columns,
            origins=origins,
            origin=origin,
            licence=known[0] if same else NO_LICENCE,
            non_commercial=[name for name, one in (origins or {}).items() if one.about and one.about.non_commercial],
        )
    )
