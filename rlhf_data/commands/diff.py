"""`rlhf-data diff`: what changed in a table between two versions."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rlhf_data.commands import terminal
from rlhf_data.commands.projects import Project
from rlhf_data.sql import catalog

if TYPE_CHECKING:
    import polars as pl

    from rlhf_data.sharing.table_diff import Difference


class Format(StrEnum):
    """How the difference is written."""

    TABLE = "table"
    JSON = "json"


def main(
    project: Project,
    table: Annotated[str, typer.Argument(help="Its name in the catalogue, as generations.")],
    before: Annotated[str, typer.Argument(metavar="REV1", help="A Git tag, branch or commit.")],
    after: Annotated[str, typer.Argument(metavar="[REV2]", help="Another; without it, the workspace.")] = catalog.NOW,
    rows: Annotated[bool, typer.Option("--rows", help="Print some of the rows too.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="How many rows of each kind --rows prints.")] = None,
    written: Annotated[Format, typer.Option("--format", help="table or json.")] = Format.TABLE,
) -> None:
    """Count the rows of a table that were added, removed and changed, by its key, and the columns that changed."""
    from rlhf_data.sharing import table_diff

    found = table_diff.between(project, table, before, after)
    counted = {
        "table": table,
        "before": before,
        "after": after,
        "key": found.key,
        "rows_before": found.rows_before,
        "rows_after": found.rows_after,
        "added": found.added.height,
        "removed": found.removed.height,
        "changed": found.changed.height,
        "unchanged": found.unchanged,
        "columns": found.columns,
        "columns_added": found.columns_added,
        "columns_removed": found.columns_removed,
    }
    if written is Format.JSON:
        some = {kind: json.loads(one.head(limit or one.height).write_json()) for kind, one in _kinds(found).items()}
        print(json.dumps(counted | ({"rows": some} if rows else {}), indent=2, ensure_ascii=False))
        return
    _print(counted)
    for kind, one in _kinds(found).items() if rows else ():
        if one.height:
            print(f"\n{kind}:")
            _show(one, limit)


def _kinds(found: Difference) -> dict[str, pl.DataFrame]:
    return {"added": found.added, "removed": found.removed, "changed": found.changed}


def _print(counted: dict[str, Any]) -> None:
    print(f"{counted['table']}: {counted['before']} → {counted['after']}, rows by {', '.join(counted['key'])}")
    for name in ("rows_before", "rows_after", "added", "removed", "changed", "unchanged"):
        print(f"  {name.replace('_', ' '):<12}{counted[name]:>12,}")
    for name, number in counted["columns"].items():
        print(f"    {name} changed in {number:,} rows")
    for name in ("columns_added", "columns_removed"):
        if counted[name]:
            print(f"  {name.replace('_', ' ')}: {', '.join(counted[name])}")


def _show(rows: pl.DataFrame, limit: int | None) -> None:
    import duckdb

    # by DuckDB, which writes control characters in a text as escapes: a response must not steer the terminal
    with duckdb.connect() as db:
        db.from_arrow(rows.to_arrow()).show(max_rows=limit, max_width=terminal.columns())
