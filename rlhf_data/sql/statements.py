"""A person's SQL: checked that it only reads, then answered; what is wrong with it is one clear line.

What keeps it from writing is the connection (`catalog.opened`), which has nothing to write through. The check here says
so before anything runs, and in words. It is on DuckDB's own syntax tree, not on the kind of statement: a
`with x as (copy … to …)` is a SELECT to DuckDB, and `explain analyze` runs what it explains.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlhf_data.errors import TableError
from rlhf_data.sql import catalog
from rlhf_data.sql.layout import NAMES, VIEWS

if TYPE_CHECKING:
    import duckdb

READS = {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"}
# Table functions that compute or describe; all others read files, run statements or change the database
TABLE_FUNCTIONS = {
    *("range", "generate_series", "unnest", "repeat", "repeat_row", "json_each", "json_tree", "histogram"),
    *(
        "histogram_values",
        "summary",
        "functions",
        "query_table",
        "duckdb_columns",
        "duckdb_databases",
        "duckdb_functions",
    ),
    *("duckdb_keywords", "duckdb_schemas", "duckdb_settings", "duckdb_tables", "duckdb_types", "duckdb_views"),
    *("pragma_table_info", "pragma_show", "pragma_version", "icu_calendar_names", "pg_timezone_names"),
}
# Of the functions that DuckDB says have side effects, those whose effect is to give another value each time
SAMPLING = {"random", "setseed", "uuid", "uuidv4", "uuidv7", "gen_random_uuid", "error"}
EXPLAIN = re.compile(r"\s*explain\s+(analyze\s+)?(\([\w\s,]*\)\s*)?", re.IGNORECASE)
ONLY_READ = "only SELECT, DESCRIBE, SUMMARIZE, SHOW and EXPLAIN are answered: tables are written by stages alone"
ABSENT = "`dvc repro` makes it, `dvc pull` fetches it, `--at HEAD` reads what was committed"


@dataclass(frozen=True)
class Statement:
    """One statement that only reads."""

    text: str
    tables: frozenset[str]  # of the catalogue, that it may name; any word of it counts
    parameters: frozenset[str]


def parse(text: str) -> list[Statement]:
    """The statements of a text; raises `TableError` where one is no SQL or does anything but read."""
    import duckdb

    with one_line(), duckdb.connect() as scratch:
        found = duckdb.extract_statements(text)
        return [_checked(scratch, one, functions(scratch)) for one in found]


def functions(db: duckdb.DuckDBPyConnection) -> dict[str, bool]:
    """DuckDB's functions, and whether a statement may call each: one without side effects, or one named here."""
    asked = "select lower(function_name), function_type, coalesce(has_side_effects, false) from duckdb_functions()"
    found: dict[str, bool] = {}
    for name, kind, changes in db.sql(asked).fetchall():
        computes = kind in ("scalar", "aggregate", "macro", "window") and (not changes or name in SAMPLING)
        found[name] = found.get(name, False) or computes or name in TABLE_FUNCTIONS
    return found


def one(text: str) -> Statement:
    """The only statement of a text; raises `TableError` as `parse` does, and where there are several or none."""
    found = parse(text)
    if len(found) != 1:
        raise TableError(f"query: one statement at a time; {len(found)} were given")
    return found[0]


def matched(statements: Sequence[Statement], values: Mapping[str, Any]) -> None:
    """Raises `TableError` where a parameter lacks its value, or a value its parameter."""
    wanted = {name for statement in statements for name in statement.parameters}
    if wrong := wanted ^ set(values):
        names = ", ".join(sorted(wanted)) or "none"
        raise TableError(f"query: its parameters are: {names}; missing or unknown: {', '.join(sorted(wrong))}")


def tables_of(project: Path, statement: Statement, *, at: str | Sequence[str] | None) -> catalog.Located:
    """Where the tables are that a statement names, fetched where the cache lacks them.

    One that names none may list them: for that nothing is fetched.
    """
    named = statement.tables or None
    return catalog.located(project, at=at, tables=named, fetch=bool(named))


@contextmanager
def answered(
    tables: catalog.Located, statement: Statement, values: Mapping[str, Any], *, scratch: Path
) -> Iterator[duckdb.DuckDBPyRelation]:
    """What a statement answers over `tables_of` it, to be read before the context ends.

    Sorts may spill into the folder `scratch`, the only one that can be written to. Raises `TableError` where a value is
    missing or one too many, and where the statement fails.
    """
    matched([statement], values)
    with catalog.opened(tables, scratch=scratch) as db, one_line(db):
        yield answer(db, statement, values)


def answer(db: duckdb.DuckDBPyConnection, statement: Statement, params: Mapping[str, Any]) -> duckdb.DuckDBPyRelation:
    """What a statement answers, worked out when its rows are asked for: do that within `one_line(db)` too."""
    with one_line(db):
        return db.sql(statement.text, params=dict(params) or None)


@contextmanager
def one_line(db: duckdb.DuckDBPyConnection | None = None) -> Iterator[None]:
    """Turns DuckDB's errors into a `TableError` of one line, with the names that are near a wrong one."""
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        raise TableError(f"query: {_told(error, db)}") from error
    except RecursionError as error:
        raise TableError("query: nested too deeply") from error


def _checked(scratch: duckdb.DuckDBPyConnection, statement: Any, known: Mapping[str, bool]) -> Statement:
    kind = statement.type.name
    text = EXPLAIN.sub("", statement.query, count=1) if kind == "EXPLAIN" else statement.query
    (serialised,) = scratch.execute("select json_serialize_sql($text)", {"text": text}).fetchall()
    tree = json.loads(serialised[0])
    if kind == "MULTI":
        raise TableError("query: PIVOT needs its values named here, as in `pivot … on iteration in (1, 2, 3) using …`")
    if tree["error"]:
        raise TableError(f"query: {kind.replace('_', ' ')} is refused: {ONLY_READ}")
    if writes := {word for name, word in _words(tree) if name == "type" and word.endswith("_NODE")} - READS:
        raise TableError(f"query: {', '.join(sorted(writes)).removesuffix('_QUERY_NODE')} is refused: {ONLY_READ}")
    called = {word.lower() for name, word in _words(tree) if name == "function_name"}
    if refused := sorted(name for name in called if not known.get(name, True)):  # of a misspelt one DuckDB knows more
        raise TableError(f"query: {', '.join(refused)}() is refused: {ONLY_READ}")
    return Statement(
        text=statement.query,
        tables=frozenset({word for _, word in _words(tree)} & set(NAMES)),
        parameters=frozenset(statement.named_parameters),
    )


def _words(tree: Any) -> Iterator[tuple[str, str]]:
    """Every text in a tree, with the name it has there."""
    waiting: list[tuple[str, Any]] = [("", tree)]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend(value.items())
        elif isinstance(value, list):
            waiting.extend((name, one) for one in value)
        elif isinstance(value, str):
            yield name, value


def _told(error: duckdb.Error, db: duckdb.DuckDBPyConnection | None) -> str:
    head, _, where = str(error).partition("\n\nLINE ")
    lines = head.splitlines()
    said = lines[-1] if "Traceback" in lines[0] else "; ".join(lines)  # the last names what Python raised
    if db and (missing := re.search(r'Table with name "?(?:[^ ]*\.)?([^ "]+)"? does not exist', head)):
        return _no_table(missing[1], db) if "because schema" not in head else said
    if "file system operations are disabled" in head:
        return f"{said.split(' - ')[0]}: only the project's own tables are read here"
    number, _, line = where.partition(": ")
    return f"{said} (line {number}: {line.splitlines()[0].strip()})" if line and "Parser" in said else said


def _no_table(name: str, db: duckdb.DuckDBPyConnection) -> str:
    views = db.sql("select schema_name, view_name from duckdb_views() where not internal").fetchall()
    schemas = [row[0] for row in db.sql("select schema_name from duckdb_schemas() where not internal").fetchall()]
    if name in NAMES:
        holding = {schema for schema, view in views if view == name}
        parts = f" (it needs {', '.join(VIEWS[name])})" if name in VIEWS else ""
        return f"there is no {name} in {', '.join(sorted(set(schemas) - holding - {'main'}))}{parts}\n  {ABSENT}"
    near = difflib.get_close_matches(name, NAMES)
    return f"there is no table {name}; {'near' if near else 'there are'}: {', '.join(near or NAMES)}"
