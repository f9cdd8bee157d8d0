"""The Python API over a real project: the same answers as the command, now and at a revision."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
import small_project
from small_project import command

from rlhf_data import Project
from rlhf_data.errors import ParamsError, StorageError, TableError

BY_ITERATION = "select iteration, count(*) as rows from generations group by all order by all"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its tables at v1, and some of the pairs alone in the workspace."""
    folder = tmp_path_factory.mktemp("api") / "project"
    small_project.make(folder, remote="remote")
    pairs = folder / "data/pairs/iter1.parquet"
    table = pl.read_parquet(pairs)
    pairs.unlink()  # a link to the cache, it may be
    table[1:].write_parquet(pairs)
    return folder


def test_sql_gives_what_the_command_prints(project: Path) -> None:
    printed = json.loads(command("sql", "--format", "json", BY_ITERATION, cwd=project))
    assert Project(project).sql(BY_ITERATION).to_dicts() == printed != []


def test_sql_takes_values_and_several_revisions(project: Path) -> None:
    query = 'select (select count(*) from "v1".pairs) - (select count(*) from now.pairs) as fewer, $name as name'
    assert Project(project).sql(query, at="v1", params={"name": "Zoo"}).rows() == [(1, "Zoo")]


def test_a_table_is_lazy_and_has_what_its_paths_say(project: Path) -> None:
    found = Project(project)
    table = found.table("generations")
    assert isinstance(table, pl.LazyFrame)
    files = pl.read_parquet(project / "data/generations/iter1/*.parquet")
    first = table.filter(pl.col("iteration") == 1).select(files.columns).collect()
    assert first.sort("prompt_id", "sample").equals(files.sort("prompt_id", "sample"))
    assert found.table("scored").select(pl.len()).collect().item() > 0


def test_a_version_is_read_without_a_checkout(project: Path) -> None:
    found = Project(project)
    before, after = (found.table("pairs", at=at).collect() for at in ("v1", None))
    assert before.height == after.height + 1
    difference = found.diff("pairs", "v1")
    assert (difference.added.height, difference.removed.height, difference.unchanged) == (0, 1, after.height)
    assert (difference.rows_before, difference.rows_after) == (before.height, after.height)


def test_tables_and_params(project: Path) -> None:
    found = Project(project)
    assert {"generations", "pairs", "scored", "history"} <= set(found.tables())
    assert found.tables(at="v1") == found.tables()
    assert found.params.generate.samples == 8
    assert repr(found) == f"Project({str(project)!r})"


def test_the_nearest_folder_upwards_is_meant(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project / "data/pairs")
    assert Project().path == project


def test_what_is_wrong_is_one_error_with_a_way_out(project: Path, tmp_path: Path) -> None:
    found = Project(project)
    with pytest.raises(TableError, match="there is no table generation; near: generations"):
        found.table("generation")
    with pytest.raises(TableError, match="one statement at a time; 2"):
        found.sql("select 1; select 2")
    with pytest.raises(TableError, match="missing or unknown: name"):
        found.sql("select $name")
    with pytest.raises(TableError, match="is refused: only SELECT"):
        found.sql("copy pairs to 'pairs.csv'")
    with pytest.raises(StorageError, match="v9: no such Git revision"):
        found.tables(at="v9")
    with pytest.raises(TableError, match="generation: no such table; near: generations"):
        found.diff("generation", "v1")
    with pytest.raises(ParamsError, match=r"no dvc\.yaml there"):
        Project(tmp_path)
