"""`rlhf-data tables`: what there is to ask in SQL."""

from __future__ import annotations

from typing import Annotated

import typer

from rlhf_data.errors import TableError
from rlhf_data.sql import dictionary, layout


def main(
    table: Annotated[str | None, typer.Argument(help="A table or view: its columns, and what each means.")] = None,
) -> None:
    """List the tables and views of SQL, with what one row of each is and the columns that name it."""
    if table is None:
        for name in layout.NAMES:
            found = dictionary.described(name)
            key = f" (key: {', '.join(found.key)})" if found.key else ""
            print(f"{name}\n    {found.about}{key}")
        return
    if table not in layout.NAMES:
        raise TableError(f"{table}: no such table or view; there are: {', '.join(layout.NAMES)}")
    found = dictionary.described(table)
    print(found.about)
    wide = max(map(len, found.columns))
    for column, meaning in found.columns.items():
        print(f"    {column:<{wide}}  {meaning}{'; key' if column in found.key else ''}")
