"""A project's tables, now or at a revision → the rows that a view shows.

Filters run on a copy of the numbers in DuckDB's memory, made once a version; texts are read from the tables, those of
one prompt at a time. So a change of filter costs milliseconds, however long the responses are.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

from rlhf_data.errors import TableError
from rlhf_data.sql import catalog, confined, dictionary, layout, statements
from rlhf_data.storage import git, part_files

if TYPE_CHECKING:
    import duckdb

READ = ("generations", "rewards", "pairs", "prompts", "evaluations")  # what a view is made of
PAIRED = "paired"  # pairs with the lengths of their responses: a view, which a version without pairs lacks
VERSIONS = 4  # kept in memory at once
COMMITS = 30  # offered by name; any other can be typed
SECONDS = 20  # that a reader's own question may take
MEMORY = 2**29  # bytes that it may take; half of it is DuckDB's, before it spills
CHARS = 400  # shown of a value
opening = threading.Lock()  # two requests for one version wait for one copy


class Database(NamedTuple):
    """A connection, and the schema in which names are looked up."""

    connection: duckdb.DuckDBPyConnection
    schema: str


class Version(NamedTuple):
    """The tables as views, and a copy of their numbers as `responses` and `asked`."""

    tables: Database
    numbers: Database
    parts: list[dict[str, Any]]  # the answer to parts.sql
    penalties: dict[str, float]  # by part with pairs: what a character costs there


class Answer(NamedTuple):
    """The first rows of what was asked; `more` where there are others."""

    columns: list[str]
    rows: list[tuple[str | float, ...]]
    more: bool


def version(project: Path, at: str | None) -> Version:
    """The workspace as it is now, or a revision of it. Raises what `catalog.connect` raises."""
    if at is not None:
        git.refuse_odd(at)
    with opening:
        return _opened(project, at, _written(project) if at is None else _commit(project, at))


@lru_cache(maxsize=VERSIONS)
def _opened(project: Path, at: str | None, state: str) -> Version:
    """`state` changes with what is read."""
    import duckdb

    shown = catalog.connect(project, at=at, tables=(*READ, PAIRED))
    tables = Database(shown, catalog.NOW if at is None else at)
    there = _complete(tables)
    numbers = Database(duckdb.connect(config={"python_enable_replacements": False}), "main")
    for name in ("responses", "asked"):
        with _cursor(tables) as cursor, statements.one_line():
            numbers.connection.register("read", cursor.sql(_question(name)).to_arrow_table())
        numbers.connection.execute(f"create table {name} as from read")
        numbers.connection.unregister("read")
    penalties = rows(tables, "penalties") if PAIRED in there else []
    return Version(tables, numbers, rows(numbers, "parts"), {one["part"]: one["penalty"] + 0.0 for one in penalties})


def _complete(tables: Database) -> set[str]:
    """The views that are there; and empty ones for tables that are not: an iteration is read before it is scored."""
    listed = tables.connection.execute("select view_name from duckdb_views() where schema_name = current_schema()")
    there = {row[0] for row in listed.fetchall()}
    for name in set(READ) - there:
        tables.connection.from_arrow(catalog.empty(name).to_arrow()).create_view(name)
    return there


def _written(project: Path) -> str:
    """What is known of the files without reading them: another state once one was replaced, by an older one too."""
    found = sorted(path for name in READ for path in (project / "data" / name).rglob(part_files.PATTERN))
    stats = [(path.as_posix(), one.st_ino, one.st_size, one.st_mtime_ns) for path in found for one in [path.stat()]]
    return hashlib.sha256(repr(stats).encode()).hexdigest()


def _commit(project: Path, at: str) -> str:
    """The commit that a branch is at now; nothing where there is none, which `catalog.connect` says."""
    return "".join(git.words(project, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{at}^{{commit}}"))


def rows(database: Database, name: str, **params: Any) -> list[dict[str, Any]]:
    """What `sql/explore/<name>.sql` answers."""
    with _cursor(database) as cursor, statements.one_line():
        answer = cursor.execute(_question(name), params)
        columns = [column[0] for column in answer.description or ()]
        return [dict(zip(columns, row, strict=True)) for row in answer.fetchall()]


def tables(project: Path, at: str | None) -> list[dictionary.Described]:
    """What there is to ask: the tables and views that are there now, or at a revision."""
    if at is not None:
        git.refuse_odd(at)
    held = catalog.located(project, at=at, fetch=False).held[catalog.NOW if at is None else at]
    there = [name for name in layout.NAMES if set(layout.VIEWS.get(name, (name,))) <= set(held)]
    return [dictionary.described(name) for name in there]


def sql(project: Path, at: str | None, query: str, *, most: int, stop: Callable[[], bool] | None = None) -> Answer:
    """What a reader's own question answers, `most` rows of it; raises `TableError`, one line, where nothing does.

    It is answered in a process of its own, which has so much time and memory, can write no file, and ends when `stop`
    says so.
    """
    with TemporaryDirectory() as folder:
        try:
            asked = (project, at, query, most, Path(folder))
            return confined.child(_asked, *asked, seconds=SECONDS, stop=stop, method="forkserver")
        except TimeoutError as error:
            raise TableError(f"query: stopped after {SECONDS} s; a filter or a sample makes it shorter") from error


def _asked(project: Path, at: str | None, query: str, most: int, scratch: Path) -> Answer:
    statement = statements.one(query)
    tables = statements.tables_of(project, statement, at=at)
    confined.restrict(scratch)
    confined.limit_memory(MEMORY)
    with catalog.opened(tables, scratch=scratch, memory=MEMORY // 2) as db, statements.one_line(db):
        answer = db.execute(statement.text)
        columns = [cell(column[0]) for column in answer.description or ()]
        found = answer.fetchmany(most + 1)
    return Answer(columns, [tuple(map(cell, row)) for row in found[:most]], len(found) > most)


def cell(value: Any) -> Any:
    """A value of an SQL answer as the page shows it: a number, or text, cut where it is long."""
    if isinstance(value, int | float):
        return value
    text = "–" if value is None else str(value)
    return text if len(text) <= CHARS else f"{text[:CHARS]}… ({len(text):,} characters)"


def revisions(project: Path) -> list[str]:
    """Tags, branches and the last commits, to choose from; none where the project is not in Git."""
    names = git.words(project, "for-each-ref", "--format=%(refname:short)", "refs/tags", "refs/heads")
    return names + git.words(project, "log", f"-{COMMITS}", "--format=%h")


def _cursor(database: Database) -> duckdb.DuckDBPyConnection:
    """A cursor of its own for each question, so that requests are answered side by side; it forgets the schema."""
    cursor = database.connection.cursor()
    cursor.execute(f"use {catalog.quoted(database.schema)}")
    return cursor


def _question(name: str) -> str:
    return (files("rlhf_data.sql") / "explore" / f"{name}.sql").read_text(encoding="utf8")
