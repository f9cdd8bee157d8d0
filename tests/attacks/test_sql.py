"""SQL that would write, or read what is not a table: every form that got through once, and all that DuckDB knows.

Each is tried twice: as a person's statement, and past the check of its text, on the connection itself, so that each of
the two walls is seen to hold by itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import pytest

from rlhf_data.errors import TableError
from rlhf_data.sql import catalog, confined, statements

SECRET = "a line of somebody else's"
WRITE = "copy (select 2 as a) to '{table}' (use_tmp_file false)"
SERIALISED = "json_serialize_sql('with w as (copy (select 2 as a) to ''{table}'' (use_tmp_file false)) from w')"
LITERAL = (
    '{{"error":false,"statements":[{{"node":{{"type":"SELECT_NODE","modifiers":[],"cte_map":{{"map":[]}},'
    '"select_list":[{{"class":"STAR","type":"STAR","alias":"","relation_name":"","exclude_list":[],"replace_list":[],'
    '"columns":false,"expr":null}}],"from_table":{{"type":"TABLE_FUNCTION","alias":"","sample":null,"function":'
    '{{"class":"FUNCTION","type":"FUNCTION","alias":"","function_name":"read_text","schema":"","children":[{{"class":'
    '"CONSTANT","type":"VALUE_CONSTANT","alias":"","value":{{"type":{{"id":"VARCHAR","type_info":null}},"is_null":false,'
    '"value":"{secret}"}}}}],"filter":null,"order_bys":{{"type":"ORDER_MODIFIER","orders":[]}},"distinct":false,'
    '"is_operator":false,"export_state":false,"catalog":""}},"column_name_alias":[]}},"where_clause":null,'
    '"group_expressions":[],"group_sets":[],"aggregate_handling":"STANDARD_HANDLING","having":null,"sample":null,'
    '"qualify":null}}}}]}}'
)
FORMS = (
    f"from json_execute_serialized_sql({SERIALISED})",
    f"from query('from json_execute_serialized_sql({SERIALISED})')".replace("''{table}''", "''''{table}''''"),
    f"select (select count(*) from json_execute_serialized_sql({SERIALISED}))",
    f"explain analyze from json_execute_serialized_sql({SERIALISED})",
    f"pragma json_execute_serialized_sql('{LITERAL}')",
    f"from json_execute_serialized_sql('{LITERAL}')",
    "from destroy_external_resource('{table}')",
    "from create_external_resource('{new}')",
    WRITE,
    "copy (select 2 as a) to '{new}' (format csv)",
    f"with w as ({WRITE}) from w",
    f"explain analyze {WRITE}",
    "copy (select 2 as a) to 'tables://{table}' (format parquet, use_tmp_file false)",
    "copy (select 2 as a) to 'tables://{table}' (format parquet)",
    "copy (select 2 as a) to 'tables://{new}' (format csv)",
    "copy (select 2 as a) to '{folder}' (format parquet, partition_by (a), overwrite)",
    "copy t from '{secret}'",
    "attach '{table}' as other",
    "attach 'tables://{table}' as other; create table other.t as select 1",
    "attach '{new}' as other; create table other.t as select 1",
    "export database '{new}'",
    "import database '{folder}'",
    "set temp_directory = '{folder}'",
    "set allowed_paths = ['{secret}']",
    "set allowed_directories = ['/']",
    "set enable_external_access = true",
    "set log_query_path = '{new}'",
    "set profiling_output = '{new}'",
    "pragma enable_profiling = 'json'; pragma profiling_output = '{new}'; select 1",
    "call enable_logging(storage = 'file', storage_config = {{'path': '{new}'}}); select 1",
    "set secret_directory = '{new}'; create persistent secret s (type http)",
    "install httpfs from '{folder}'",
    "load '{secret}'",
    "create macro m() as table (from read_text('{secret}')); from m()",
    "from '{secret}'",
    "from 'tables://{secret}'",
    "from '{folder}/**'",
    "from read_text(['tables://{table}', '{secret}'])",
    "from read_csv('tables://{table}/../../../{secret}')",
    "from read_csv('/dev/stdin')",
    "select getenv('HOME')",
    "from glob('{folder}/*')",
)  # fmt: skip
KINDS = {  # a statement of every kind that DuckDB tells apart
    "INVALID": "", "SELECT": "from read_text('{secret}')", "INSERT": "insert into rewards from rewards",
    "UPDATE": "update rewards set reward = 0", "CREATE": "create table t as from read_csv('{secret}')",
    "DELETE": "delete from rewards", "PREPARE": "prepare p as copy (select 1) to '{new}'", "EXECUTE": "execute p",
    "ALTER": "alter view rewards rename to r", "TRANSACTION": "begin", "COPY": "copy rewards to '{new}'",
    "ANALYZE": "analyze", "VARIABLE_SET": "set variable a = 1", "CREATE_FUNC": "create macro m() as 1",
    "EXPLAIN": "explain analyze copy rewards to '{new}'", "DROP": "drop view rewards",
    "EXPORT": "export database '{new}'",
    "PRAGMA": "pragma import_database('{folder}')", "VACUUM": "vacuum", "CALL": "call checkpoint()",
    "SET": "set home_directory = '{folder}'", "LOAD": "load '{secret}'", "RELATION": "", "EXTENSION": "",
    "LOGICAL_PLAN": "", "ATTACH": "attach '{new}' as n", "DETACH": "detach memory",
    "MULTI": "pivot rewards on judge using count(*)",
    "COPY_DATABASE": "copy from database memory to memory",
    "MERGE_INTO": "merge into rewards using pairs on true when matched then delete",
}  # fmt: skip
ARGUMENTS = (
    "", "'{table}'", "'tables://{table}'", "'{secret}'", "'{new}'", "'{folder}/*'", "'rewards'", "1", "['{secret}']",
    "'copy (select 2 as a) to ''{table}'''", "'from read_text(''{secret}'')'", SERIALISED, "'{new}', '{secret}'",
)  # fmt: skip


@pytest.fixture
def places(two_versions: Path, tmp_path: Path) -> dict[str, str]:
    """What an attack aims at: a table, a file of somebody else's, its folder, and a file that is not there."""
    (tmp_path / "secret.csv").write_text(f"{SECRET}\n")
    table = two_versions / "data/rewards/iter1.parquet"
    return {"table": str(table), "secret": f"{tmp_path}/secret.csv", "folder": str(tmp_path), "new": f"{tmp_path}/new"}


def state(*folders: Path | str) -> dict[str, tuple[int, int, bytes]]:
    found = [path for folder in folders for path in Path(folder).rglob("*") if path.is_file()]
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns, path.read_bytes()[:4096]) for path in found}


def tried(db: duckdb.DuckDBPyConnection, text: str, *, schema: str = "now") -> str:
    """What a text answers on the connection itself, past the check of its form."""
    with db.cursor() as cursor:
        try:
            cursor.execute(f"use {schema}")
            answer = cursor.execute(text)
            return str(answer.fetchmany(50))
        except (duckdb.Error, RuntimeError, ValueError, OSError) as error:
            return f"refused: {type(error).__name__}"


@pytest.fixture
def walled(two_versions: Path, places: dict[str, str]) -> Iterator[duckdb.DuckDBPyConnection]:
    """The connection that a person's statement has; what is around it must stay as it was."""
    data, here = two_versions / "data", Path.cwd()
    before = state(data, places["folder"]), set(os.listdir(here))
    with catalog.opened(catalog.located(two_versions)) as db:
        yield db
    assert (state(data, places["folder"]), set(os.listdir(here))) == before


def asked(project: Path, text: str, scratch: Path) -> str:
    """What a person is answered."""
    try:
        found = []
        for statement in statements.parse(text):
            tables = statements.tables_of(project, statement, at=None)
            with statements.answered(tables, statement, {}, scratch=scratch) as answer:
                found.append(str(answer.limit(50).fetchall()))
        return " ".join(found)
    except TableError as error:
        return f"refused: {error}"


@pytest.mark.parametrize("form", FORMS)
def test_forms_that_got_through_are_refused(
    form: str, two_versions: Path, places: dict[str, str], walled: duckdb.DuckDBPyConnection, tmp_path_factory: Any
) -> None:
    text = form.format(**places)
    assert asked(two_versions, text, tmp_path_factory.mktemp("scratch")).startswith("refused: query: ")
    assert SECRET not in tried(walled, text)


def test_every_kind_of_statement_is_refused_or_harmless(
    two_versions: Path, places: dict[str, str], walled: duckdb.DuckDBPyConnection, tmp_path_factory: Any
) -> None:
    assert set(KINDS) == set(duckdb.StatementType.__members__)  # a new one is to be tried here
    for kind, form in KINDS.items():
        text = form.format(**places) or "select no_statement"
        assert asked(two_versions, text, tmp_path_factory.mktemp("scratch")).startswith("refused: query: "), kind
        assert SECRET not in tried(walled, text), kind


def test_every_function_that_duckdb_has_is_refused_or_harmless(
    places: dict[str, str], walled: duckdb.DuckDBPyConnection, refused: Callable[..., None]
) -> None:
    """Also those of a version to come: the names are its catalogue's."""
    known = "select distinct function_name, function_type, coalesce(has_side_effects, false) from duckdb_functions()"
    with duckdb.connect() as plain:
        rows = plain.execute(known).fetchall()
        may = statements.functions(plain)
    computes = ("scalar", "aggregate", "macro", "window")
    names = sorted({name for name, kind, changes in rows if kind not in computes or changes})
    count = 0
    for name in (one for one in names if one != "sleep_ms"):
        for argument in ARGUMENTS:
            call = f"{name}({argument.format(**places)})"
            for text in (f"from {call}", f"select {call}", f"call {call}", f"pragma {call}"):
                count += 1
                assert SECRET not in tried(walled, text), text
    assert len(names) > 150
    both = {"current_query", "version"}  # macros too
    assert {name for name in names if may[name]} - both == statements.TABLE_FUNCTIONS | statements.SAMPLING
    refused("SQL: every function of DuckDB's catalogue", count)


def test_no_function_reads_a_file_that_is_no_table(places: dict[str, str], walled: duckdb.DuckDBPyConnection) -> None:
    """The rest of the catalogue, those that a statement may call, with a path where each takes text."""
    with duckdb.connect() as plain:
        names = [name for name, may in statements.functions(plain).items() if may and name.isidentifier()]
    for name in names:
        assert SECRET not in tried(walled, f"select {name}('{places['secret']}')"), name
    assert len(names) > 700


@pytest.mark.skipif(bool(confined.lacking()), reason=confined.lacking())
def test_the_second_wall_holds_by_itself(places: dict[str, str], tmp_path_factory: Any) -> None:
    """A plain connection, with DuckDB's whole file system, in a child each: DuckDB ends some of them itself."""
    scratch = tmp_path_factory.mktemp("scratch")
    before = state(places["folder"], Path(places["table"]).parent)

    def work(text: str) -> str:
        confined.restrict(scratch)
        with duckdb.connect() as db:
            return tried(db, text, schema="main")

    for form in (*FORMS, f"copy (select 1) to '{scratch}/own.csv'"):
        with suppress(TableError):
            confined.child(work, form.format(**places), method="fork")
    assert (scratch / "own.csv").read_text() == "1\n1\n"
    assert state(places["folder"], Path(places["table"]).parent) == before
