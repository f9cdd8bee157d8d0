"""Named queries: SQL in `rlhf_data/sql/<name>.sql`, run on Parquet tables.

 Its tables are views over files and its parameters are `$values`: no text is pasted
into SQL, and a Python variable cannot stand in for a table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlhf_data.errors import TableError
from rlhf_data.storage import part_files, seals

if TYPE_CHECKING:
    import polars as pl

Source = Path | str | Sequence[Path]  # a file, a folder of parts, a glob, or several of them
FOLDER = files("rlhf_data.sql")


def run(name: str, tables: Mapping[str, Source], **params: Any) -> pl.DataFrame:
    """What `sql/<name>.sql` answers.

    Raises `TableError`, naming the query, where a table or a parameter is missing or the tables do not match.
    """
    import duckdb

    query = text(name)
    # without this a misspelt table could be answered by a Python variable of that name
    with duckdb.connect(config={"python_enable_replacements": False}) as db:
        try:
            for table, source in tables.items():
                for file in _files(source):
                    seals.refuse_changed(file)
                db.read_parquet(_globs(source)).create_view(table)
            answer: pl.DataFrame = db.sql(query, params=params or None).pl()
        except duckdb.Error as error:
            raise TableError(f"query {name}: {error}") from error
    return answer


def names() -> list[str]:
    """The names of the named queries."""
    return sorted(one.name.removesuffix(".sql") for one in FOLDER.iterdir() if one.name.endswith(".sql"))


def text(name: str) -> str:
    """The SQL of a named query; raises `TableError` where there is none of that name."""
    if name not in names():
        raise TableError(f"query {name}: there is no {name}.sql; there are: {', '.join(names())}")
    return (FOLDER / f"{name}.sql").read_text(encoding="utf8")


def view(name: str) -> str:
    """The SQL of a view that joins tables."""
    return (FOLDER / "views" / f"{name}.sql").read_text(encoding="utf8")


def _globs(source: Source) -> list[str]:
    sources = [source] if isinstance(source, Path | str) else source
    return [str(one / part_files.PATTERN) if isinstance(one, Path) and one.is_dir() else str(one) for one in sources]


def _files(source: Source) -> list[Path]:
    """The files that a source names; what a pattern names is not looked at."""
    sources = [source] if isinstance(source, Path | str) else source
    paths = [one for one in sources if isinstance(one, Path)]
    return [file for one in paths for file in (part_files.of(one) if one.is_dir() else [one])]
