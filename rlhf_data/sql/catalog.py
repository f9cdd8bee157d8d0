"""Every table of a project as a view of one DuckDB connection: now, or at Git revisions without a checkout.

A version is a schema: `now` is the workspace, every revision one of its own name (`"v1".generations`). Names without
a schema mean the first revision asked for, or the workspace where none was. A table that a version does not hold has no
view there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlhf_data.errors import StorageError, TableError
from rlhf_data.sql import queries
from rlhf_data.sql.layout import NAMES, TABLES, VIEWS, Told
from rlhf_data.storage import revisions

if TYPE_CHECKING:
    import duckdb
    import polars as pl

NOW = "now"
Held = dict[str, dict[Told, list[str]]]  # a version's tables: the files of each, by what their paths say


@dataclass(frozen=True)
class Located:
    """Where the files are of the tables that a connection is to have: found, and fetched, before it is opened."""

    held: dict[str, Held]  # by version; the first is what names without a schema mean
    wanted: frozenset[str]  # tables and views

    def paths(self) -> set[str]:
        """Every file, absolute."""
        groups = [paths for found in self.held.values() for told in found.values() for paths in told.values()]
        return {path for paths in groups for path in paths}


def located(
    project: Path, *, at: str | Sequence[str] | None = None, tables: Collection[str] | None = None, fetch: bool = True
) -> Located:
    """The files of the workspace and of the revisions `at`: of all `tables` and views, or of those named.

    What a revision tracks and the cache lacks is fetched; with `fetch` off, a table that lacks files has no view.
    Raises `StorageError` where a revision cannot be read.
    """
    named = [at] if isinstance(at, str) else list(at or ())
    if NOW in named:
        raise StorageError(f"{NOW}: means the workspace here\n  name the revision in full: refs/heads/{NOW}")
    wanted = set(NAMES) if tables is None else set(tables) & set(NAMES)
    wanted |= {part for view in wanted & set(VIEWS) for part in VIEWS[view]}
    held = {revision: _at(project, revision, wanted, fetch=fetch) for revision in named}
    held[NOW] = _now(project, wanted)
    return Located(held, frozenset(wanted))


def opened(found: Located, *, scratch: Path | None = None, memory: int | None = None) -> duckdb.DuckDBPyConnection:
    """A connection with a view of each table, which can write nothing and read no other file.

    Sorts beyond `memory` bytes may spill into the folder `scratch`, which must hold nothing else. Close it: of what is
    open at the process's end DuckDB complains. Raises `TableError` where a file is not Parquet.
    """
    import duckdb

    from rlhf_data.sql.read_only import Tables, url

    # without the first, a misspelt table could be answered by a Python variable of that name
    config: dict[str, Any] = {"python_enable_replacements": False, "autoinstall_known_extensions": False}
    db = duckdb.connect(config=config | ({"memory_limit": f"{memory}B"} if memory else {}))
    try:
        db.execute("set enable_progress_bar = false")  # DuckDB draws it among the rows, wherever these go
        db.register_filesystem(Tables(found.paths()))
        for version, held in found.held.items():
            _create(db, version, held, found.wanted, url)
        db.execute(f"use {quoted(next(iter(found.held)))}")
        db.execute("set allowed_paths = $own", {"own": sorted(map(url, found.paths()))})
        # all below DuckDB's own folder for spilling may be read and written
        db.execute("set temp_directory = $folder", {"folder": str(scratch) if scratch else ""})
        db.execute("set enable_external_access = false")
        db.execute("set lock_configuration = true")
    except BaseException:
        db.close()
        raise
    return db


def connect(
    project: Path,
    *,
    at: str | Sequence[str] | None = None,
    tables: Collection[str] | None = None,
    fetch: bool = True,
    scratch: Path | None = None,
) -> duckdb.DuckDBPyConnection:
    """What is `located`, `opened`."""
    return opened(located(project, at=at, tables=tables, fetch=fetch), scratch=scratch)


def write(project: Path, path: Path) -> list[str]:
    """Puts a DuckDB database of views over the workspace's tables at `path`, and returns their names.

    Its paths are absolute, so it opens from any folder, for as long as the project stays where it is. Views and their
    columns have comments that say what they mean.
    """
    import duckdb

    from rlhf_data.sql import dictionary
    from rlhf_data.storage.atomic import atomically

    def save(partial: Path) -> None:
        with duckdb.connect(str(partial), config={"python_enable_replacements": False}) as db:
            _create(db, "main", _now(project, set(TABLES), parts=False), set(VIEWS), str)
            names.extend(row[0] for row in db.sql("select view_name from duckdb_views() where not internal").fetchall())
            for name in names:
                dictionary.comment(db, name)

    names: list[str] = []
    atomically(path, save)
    if not names:
        path.unlink()
        raise TableError(f"{project}: no table is there\n  `dvc repro` makes them, `dvc pull` fetches them")
    return sorted(names)


def key(table: str) -> list[str]:
    """The columns that name a row of the view: what paths tell, then the primary key of the table's schema."""
    from rlhf_data import schemas

    place = TABLES[table]
    return list(dict.fromkeys([*place.columns, *getattr(schemas, place.schema).primary_key()]))


def empty(name: str) -> pl.DataFrame:
    """The table without rows, as its view has it: with what paths tell."""
    import polars as pl

    from rlhf_data import schemas

    rows: pl.DataFrame = getattr(schemas, TABLES[name].schema).create_empty()
    told = {column: pl.lit(None, pl.String) for column in TABLES[name].columns if column not in rows.columns}
    return rows.with_columns(**told)


def quoted(name: str) -> str:
    """A name as SQL writes it, whatever characters a branch has."""
    return '"' + name.replace('"', '""') + '"'


def _now(project: Path, wanted: set[str], *, parts: bool = True) -> Held:
    """With `parts` off, a folder stands for whatever parts it comes to hold."""
    held = {}
    for name in wanted & set(TABLES):
        table, root = TABLES[name], project.resolve()
        glob = table.path.format(**dict.fromkeys(table.columns, "*"))
        groups = table.groups(path.relative_to(root).as_posix() for path in root.glob(glob))
        if not parts:
            groups = {told: [table.path.format(**dict(told))] for told in groups}
        held[name] = {told: [str(root / path) for path in paths] for told, paths in groups.items()}
    return {name: groups for name, groups in held.items() if groups}


def _at(project: Path, revision: str, wanted: set[str], *, fetch: bool) -> Held:
    folders = sorted({TABLES[name].folder for name in wanted & set(TABLES)})
    kept = revisions.files_at(project, revision, folders, fetch=fetch)
    held = {}
    for name in wanted & set(TABLES):
        groups = TABLES[name].groups(kept)
        if groups and all(kept[path].exists() for paths in groups.values() for path in paths):
            held[name] = {told: [str(kept[path]) for path in paths] for told, paths in groups.items()}
    return held


def _create(
    db: duckdb.DuckDBPyConnection, version: str, held: Held, wanted: Collection[str], url: Callable[[str], str]
) -> None:
    import duckdb

    db.execute(f"create schema if not exists {quoted(version)}")
    db.execute(f"use {quoted(version)}")
    views = [view for view in sorted(set(wanted) & set(VIEWS)) if set(VIEWS[view]) <= set(held)]
    for name in [*held, *views]:
        try:
            groups = {told: [url(path) for path in paths] for told, paths in held.get(name, {}).items()}
            relation = _relation(db, groups) if groups else db.sql(queries.view(name))
            relation.create_view(name)
        except duckdb.Error as error:
            raise TableError(f"{name} ({version}): cannot be read as one table: {error}") from error


def _relation(db: duckdb.DuckDBPyConnection, groups: dict[Told, list[str]]) -> duckdb.DuckDBPyRelation:
    """The files as one table, with what their paths tell; a column that some lack is null there."""
    from duckdb import ColumnExpression, ConstantExpression

    everything = [path for paths in groups.values() for path in paths]
    table = db.read_parquet(everything, union_by_name=True)
    told = [name for name, _ in next(iter(groups)) if name not in table.columns]
    if not told:
        return table
    columns = table.columns
    found = None
    for values, paths in groups.items():
        one = db.read_parquet(paths, union_by_name=True)
        has = set(one.columns)
        one = one.select(
            *(ConstantExpression(dict(values)[name]).alias(name) for name in told),
            *(ColumnExpression(name) if name in has else ConstantExpression(None).alias(name) for name in columns),
        )
        found = one if found is None else found.union(one)
    assert found is not None
    return found
