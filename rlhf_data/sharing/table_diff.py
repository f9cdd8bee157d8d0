"""Two versions of a table → the rows that were added, removed and changed, by key."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from rlhf_data.errors import TableError
from rlhf_data.sql import catalog, statements
from rlhf_data.sql.layout import TABLES


@dataclass(frozen=True)
class Difference:
    """What became of one version's rows in another."""

    key: list[str]
    rows_before: int
    rows_after: int
    added: pl.DataFrame  # rows of the later version, whole
    removed: pl.DataFrame  # rows of the earlier one
    changed: pl.DataFrame  # the key, then `<column> before` and `<column> after` of each column that changed anywhere
    unchanged: int  # rows
    columns: dict[str, int]  # rows in which a column changed, of the columns that both have and that did
    columns_added: list[str]
    columns_removed: list[str]


def between(project: Path, table: str, before: str, after: str) -> Difference:
    """A table at two Git revisions, or at one and `now`.

    Raises `TableError` where there is no such table, and as `difference` does.
    """
    if table not in TABLES:
        near = difflib.get_close_matches(table, TABLES)
        raise TableError(f"{table}: no such table; {'near' if near else 'there are'}: {', '.join(near or TABLES)}")
    revisions = [one for one in (before, after) if one != catalog.NOW]
    with catalog.connect(project, at=revisions, tables={table}) as db, statements.one_line(db):
        earlier, later = (db.table(f"{catalog.quoted(one)}.{table}").pl() for one in (before, after))
    try:
        return difference(earlier, later, catalog.key(table))
    except TableError as error:
        raise TableError(f"{table}, {before} → {after}: {error}") from error


def difference(before: pl.DataFrame, after: pl.DataFrame, key: Sequence[str]) -> Difference:
    """Rows are the same where their keys are; raises `TableError` where a version has no such key, or a key twice.

    Null equals null here and NaN equals NaN; a column whose type changed is compared in its earlier type.
    """
    for version, table in (("earlier", before), ("later", after)):
        if lacking := [name for name in key if name not in table.columns]:
            raise TableError(f"the {version} version has no column {', '.join(lacking)}, which the key needs")
        if repeated := table.select(key).is_duplicated().sum():
            raise TableError(
                f"the {version} version has {repeated} of {table.height} rows whose {', '.join(key)} is not unique"
            )
    shared = [name for name in before.columns if name in after.columns and name not in key]
    both = before.select(*key, *(pl.col(name).alias(f"{name} before") for name in shared)).join(
        after.select(
            *(pl.col(name).cast(before.schema[name]) for name in key),
            *(pl.col(name).cast(before.schema[name], strict=False).alias(f"{name} after") for name in shared),
        ),
        on=key,
        maintain_order="left",
    )
    differs = {name: pl.col(f"{name} before").ne_missing(pl.col(f"{name} after")) for name in shared}
    counts = both.select(expression.sum().alias(name) for name, expression in differs.items())
    columns = {name: rows for name, rows in (counts.row(0, named=True) if shared else {}).items() if rows}
    changed = both.filter(pl.any_horizontal(*(differs[name] for name in columns))) if columns else both.clear()
    sides = [f"{name} {side}" for name in columns for side in ("before", "after")]
    return Difference(
        key=list(key),
        rows_before=before.height,
        rows_after=after.height,
        added=after.join(before, on=key, how="anti", maintain_order="left"),
        removed=before.join(after, on=key, how="anti", maintain_order="left"),
        changed=changed.select(*key, *sides),
        unchanged=both.height - changed.height,
        columns=columns,
        columns_added=[name for name in after.columns if name not in before.columns],
        columns_removed=[name for name in before.columns if name not in after.columns],
    )
