"""A project for notebooks and scripts: SQL, tables, versions and params, as the `rlhf-data` command reads them.

>>> from rlhf_data import Project
>>> project = Project("path/to/project")
>>> project.sql("select iteration, count(*) as pairs from pairs group by iteration")
>>> project.table("generations", at="v1").filter(pl.col("response_tokens") > 64).collect()
"""

from __future__ import annotations

import atexit
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from rlhf_data.errors import ParamsError
from rlhf_data.sql import catalog, statements

if TYPE_CHECKING:
    import polars as pl

    from rlhf_data.params.profiles import Params
    from rlhf_data.sharing.table_diff import Difference


class Project:
    """One project: a folder that holds dvc.yaml. Nothing is written, and nothing is checked out."""

    def __init__(self, path: str | Path | None = None) -> None:
        """The project in the folder `path`, or the nearest one upwards from here.

        Raises `ParamsError` where there is none.
        """
        self.path = nearest() if path is None else named(Path(path))

    def __repr__(self) -> str:
        """How it is opened again."""
        return f"Project({str(self.path)!r})"

    @cached_property
    def params(self) -> Params:
        """The profile that params.yaml names, typed; raises `ParamsError` with one line per wrong value."""
        from rlhf_data import params

        return params.load(self.path)

    def tables(self, *, at: str | None = None) -> list[str]:
        """Names of the tables and views that the workspace holds, or that the Git revision `at` does.

        Raises `StorageError` where there is no such revision.
        """
        with catalog.connect(self.path, at=at, fetch=False) as db:
            found = "select view_name from duckdb_views() where schema_name = current_schema() and not internal"
            return sorted(name for (name,) in db.sql(found).fetchall())

    def table(self, name: str, *, at: str | None = None) -> pl.LazyFrame:
        """A table or view over all its files, read when it is collected, and of its files only what the query needs.

        With what their paths tell as columns: `iteration`, `judge`, `policy`, `source`. `at` is a Git tag, branch or
        commit; what the cache lacks is fetched from the DVC remote. Raises `TableError` where there is no such table.
        """
        (statement,) = statements.parse(f"from {catalog.quoted(name)}")
        db = catalog.connect(self.path, at=at, tables=statement.tables)
        atexit.register(db.close)  # what is collected later is read through it
        found: pl.LazyFrame = statements.answer(db, statement, {}).pl(lazy=True)
        return found

    def sql(
        self, query: str, *, at: str | Sequence[str] | None = None, params: Mapping[str, Any] | None = None
    ) -> pl.DataFrame:
        """The rows that one statement answers; it only reads.

        `at` names Git revisions: each is a schema (`"v1".pairs`, `now.pairs`), and the first is what names without a
        schema mean. `params` are the values of the statement's `$parameters`. Raises `TableError`, in one line, where
        the statement is wrong, writes, or lacks a value.
        """
        statement = statements.one(query)
        tables = statements.tables_of(self.path, statement, at=at)
        with (
            TemporaryDirectory() as folder,
            statements.answered(tables, statement, params or {}, scratch=Path(folder)) as answer,
        ):
            found: pl.DataFrame = answer.pl()
        return found

    def diff(self, table: str, before: str, after: str = catalog.NOW) -> Difference:
        """Rows of a table that were added, removed and changed between two Git revisions, or a revision and now.

        Raises `TableError` where there is no such table, or a key is twice in it.
        """
        from rlhf_data.sharing import table_diff

        return table_diff.between(self.path, table, before, after)


def nearest() -> Path:
    """The nearest folder upwards that holds dvc.yaml; raises `ParamsError` where there is none."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "dvc.yaml").is_file():
            return folder
    raise ParamsError(f"{here}: no dvc.yaml here or in a folder above\n  run this in a project, or name its folder")


def named(folder: Path) -> Path:
    """The project in `folder`; raises `ParamsError` where it holds no dvc.yaml."""
    if not (folder / "dvc.yaml").is_file():
        raise ParamsError(f"{folder}: no dvc.yaml there, so it is no project")
    return folder.resolve()
