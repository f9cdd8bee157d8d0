"""A named question and the Parquet tables it asks of → the answer; and the reports of other stages, read back.

Each question is `sql/<name>.sql`. Its tables are views over files and its parameters are `$values`: no text is pasted
into SQL, and a Python variable cannot stand in for a table.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlhf_data.errors import TableError

if TYPE_CHECKING:
    import polars as pl

Source = Path | str | Sequence[Path]  # a file, a folder of parts, a glob, or several of them
QUESTIONS = files("rlhf_data.sql")
ABSENT = "no such report\n  `dvc repro` makes it"


def run(name: str, tables: Mapping[str, Source], **params: Any) -> pl.DataFrame:
    """What `sql/<name>.sql` answers.

    Raises `TableError`, naming the query, where a table or a parameter is missing or the tables do not match.
    """
    import duckdb

    question = text(name)
    # without this a misspelt table could be answered by a Python variable of that name
    with duckdb.connect(config={"python_enable_replacements": False}) as db:
        try:
            for table, source in tables.items():
                db.read_parquet(_globs(source)).create_view(table)
            answer: pl.DataFrame = db.sql(question, params=params or None).pl()
        except duckdb.Error as error:
            raise TableError(f"query {name}: {error}") from error
    return answer


def names() -> list[str]:
    """The questions there are."""
    return sorted(one.name.removesuffix(".sql") for one in QUESTIONS.iterdir() if one.name.endswith(".sql"))


def text(name: str) -> str:
    """The SQL of a question; raises `TableError` where there is none of that name."""
    if name not in names():
        raise TableError(f"query {name}: there is no {name}.sql; there are: {', '.join(names())}")
    return (QUESTIONS / f"{name}.sql").read_text(encoding="utf8")


def figures(folder: Path, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """`<folder>/<name>.json` of each name; raises `TableError` where one is absent."""
    return {name: figure(folder / f"{name}.json") for name in names}


def figure(path: Path) -> dict[str, Any]:
    """A small report of another stage."""
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf8"))
    except FileNotFoundError as error:
        raise TableError(f"{path}: {ABSENT}") from error
    except ValueError as error:
        raise TableError(f"{path}: not JSON: {error}") from error
    return found


def curves(folder: Path, names: Iterable[str]) -> dict[str, pl.DataFrame]:
    """`<folder>/<name>.csv` of each name; raises `TableError` where one is absent."""
    return {name: curve(folder / f"{name}.csv") for name in names}


def curve(path: Path) -> pl.DataFrame:
    """A small table of another stage: a training's log, or counts."""
    import polars as pl

    try:
        # all rows decide a column's type: the first ones of a log may lack a measure
        return pl.read_csv(path, infer_schema_length=None)
    except FileNotFoundError as error:
        raise TableError(f"{path}: {ABSENT}") from error
    except pl.exceptions.PolarsError as error:
        raise TableError(f"{path}: not CSV: {error}") from error


def _globs(source: Source) -> list[str]:
    sources = [source] if isinstance(source, Path | str) else source
    return [str(one / "*.parquet") if isinstance(one, Path) and one.is_dir() else str(one) for one in sources]
