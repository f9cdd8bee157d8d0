"""The catalogue over a real project: its views, its versions without a checkout, and what its connection can open."""

from __future__ import annotations

import shutil
from pathlib import Path

import dataframely as dy
import duckdb
import polars as pl
import pytest
import small_project
from ruamel.yaml import YAML
from small_project import ROOT

from rlhf_data import schemas
from rlhf_data.errors import StorageError, TableError
from rlhf_data.sql import catalog, layout

NO_TABLES = ("data/models",)


@pytest.fixture
def clone(two_versions: Path, tmp_path: Path) -> Path:
    """Pulled nothing, with a remote of its own."""
    shutil.copytree(two_versions.with_name("store"), tmp_path / "store")
    made = small_project.clone(two_versions, tmp_path / "clone")
    (made / ".dvc/config").write_text(small_project.CONFIG.format(remote=tmp_path / "store"))
    return made


def rows(db: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[object, ...]]:
    return db.sql(sql).fetchall()


def cached(project: Path) -> set[str]:
    return {path.parent.name + path.name for path in (project / ".dvc/cache/files/md5").rglob("*") if path.is_file()}


def test_every_table_that_a_stage_writes_has_its_place() -> None:
    stages = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
    outs = [out for stage in stages.values() for out in stage.get("do", stage).get("outs", []) if isinstance(out, str)]
    tables = [out for out in outs if out.startswith("data/") and not out.startswith(NO_TABLES)]
    known = [table.folder.removesuffix(".parquet") for table in layout.TABLES.values()]
    assert [out for out in tables if not any(out.startswith(folder) for folder in known)] == []


def test_every_schema_is_that_of_a_table() -> None:
    promised = {name for name, one in vars(schemas).items() if isinstance(one, type) and issubclass(one, dy.Schema)}
    of_models = {"RecordedScores"}  # lies in a model's folder, as weights do
    assert promised - of_models == {table.schema for table in layout.TABLES.values()}


def test_paths_tell_what_files_do_not() -> None:
    mixes = layout.TABLES["mixes"].groups(["data/mixes/all/train.parquet", "data/mixes/.all.partial/train.parquet"])
    assert mixes == {(("mix", "all"), ("side", "train")): ["data/mixes/all/train.parquet"]}
    names = [f"data/history/iter{t}/iter1.parquet" for t in (1, 9, 10)]
    assert layout.TABLES["history"].groups(names) == {(("iteration", "iter10"),): [names[2]]}
    tests = ["data/reward_tests/pairs.parquet", "data/reward_tests/reward.parquet"]
    assert list(layout.TABLES["verdicts"].groups(tests).values()) == [tests[1:]]
    assert list(layout.TABLES["reward_tests"].groups(tests).values()) == [tests[:1]]


def test_views_hold_all_files_and_what_their_paths_say(two_versions: Path) -> None:
    with catalog.connect(two_versions) as db:
        assert rows(db, "select count(*), count(distinct prompt_id) from generations") == [(104, 52)]
        assert rows(db, "select mix, side, count(*) from mixes group by all order by all") == [
            ("all", "test", 26),
            ("all", "train", 26),
        ]
        assert rows(db, "select shard, count(*) from prompts group by all") == [("iter1", 52)]
        assert rows(db, "select rank, min(sample), max(sample), min(reward), count(prompt) from scored "
                        "group by all order by all") == [(1, 1, 1, 0.5, 52), (2, 0, 0, -0.5, 52)]  # fmt: skip
        assert rows(db, "select count(*) from paired where chosen_chars = length(chosen) and rejected_tokens = 9") == [
            (52,)
        ]
        with pytest.raises(duckdb.CatalogException, match="evaluations"):
            db.sql("from evaluations")


def test_a_response_without_a_reward_stays_and_a_column_that_a_file_lacks_is_null(
    two_versions: Path, tmp_path: Path
) -> None:
    project = small_project.copy(two_versions, tmp_path)
    for table, lost in (("data/prompts/test", "reference"), ("data/rewards/iter1", "judge")):
        path = project / f"{table}.parquet"
        pl.read_parquet(path).drop(lost).head(10).write_parquet(path)
    with catalog.connect(project) as db:
        assert rows(db, "select count(*), count(reward), count(rank) from scored") == [(104, 10, 10)]
        assert {"shard", "reference"} <= set(db.table("prompts").columns)
    (project / "data/pairs/iter1.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(TableError, match=r"pairs \(now\): cannot be read"):
        catalog.connect(project)
    with catalog.connect(project, tables={"generations"}) as db:
        assert rows(db, "show tables") == [("generations",)]


def test_revisions_are_schemas_and_the_first_is_the_default(two_versions: Path) -> None:
    with catalog.connect(two_versions, at=["v1", "v2"]) as db:
        assert rows(db, 'select count(*) from generations union all from (select count(*) from "v2".generations) '
                        "union all from (select count(*) from now.scored)") == [(96,), (104,), (104,)]  # fmt: skip
        assert rows(db, 'select min(v1.rewards.reward), min("v2".rewards.reward) from v1.rewards, v2.rewards') == [
            (0.0, -0.5)
        ]
    head = small_project.git("rev-parse", "HEAD~1", cwd=two_versions).strip()
    with catalog.connect(two_versions, at=head[:12]) as db:
        assert rows(db, "select count(*) from scored") == [(96,)]


def test_a_clone_that_pulled_nothing_fetches_the_tables_it_is_asked_for(clone: Path) -> None:
    with catalog.connect(clone, at="v1", fetch=False) as db:
        assert "generations" not in str(rows(db, "show all tables"))
    before = cached(clone)
    with catalog.connect(clone, at="v1", tables={"generations"}) as db:
        assert rows(db, "select count(*) from generations") == [(96,)]
    tables = {one for one in cached(clone) - before if not one.endswith(".dir")}
    assert len(tables) == 3  # the parts of v1, and of no other table
    assert not (clone / "data").exists()


def test_what_the_cache_holds_needs_no_remote(two_versions: Path, tmp_path: Path) -> None:
    project = small_project.copy(two_versions, tmp_path)
    (project / ".dvc/config").write_text("")
    with catalog.connect(project, at="v1", tables={"rewards"}) as db:
        assert rows(db, "select count(*) from rewards") == [(96,)]


def test_a_remote_is_found_by_a_relative_url_and_where_it_is_now(clone: Path, tmp_path: Path) -> None:
    (clone / ".dvc/config").write_text(small_project.CONFIG.format(remote="../../store"))
    small_project.git("commit", "-qam", "a folder beside the project", cwd=clone)
    for revision in ("HEAD", "v1"):
        with catalog.connect(clone, at=revision, tables={"rewards"}) as db:
            assert len(rows(db, "from rewards")) in (96, 104)


def test_objects_that_are_damaged_or_lost_are_named(clone: Path, tmp_path: Path, two_versions: Path) -> None:
    oid = small_project.oids(two_versions)["data/rewards/iter1.parquet"]
    stored = small_project.stored(tmp_path / "store", oid)
    small_project.flip(stored)
    with pytest.raises(StorageError, match=rf"rewards/iter1.parquet at v2: object {oid}.* damaged"):
        catalog.connect(clone, at="v2", tables={"scored"})
    stored.unlink()
    with pytest.raises(StorageError, match=rf"rewards/iter1.parquet at v2: object {oid}.*neither in the cache nor"):
        catalog.connect(clone, at="v2", tables={"scored"})
    shutil.rmtree(tmp_path / "store")
    with pytest.raises(StorageError, match=r"data/generations at v1: .*neither in the cache nor"):
        catalog.connect(clone, at="v1", tables={"generations"})


def test_what_is_no_revision_or_no_project_is_said(two_versions: Path, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="v9: no such Git revision"):
        catalog.connect(two_versions, at="v9")
    with pytest.raises(StorageError, match="now: means the workspace"):
        catalog.connect(two_versions, at=["now"])
    with pytest.raises(StorageError, match="no DVC project"):
        catalog.connect(tmp_path, at="v1")
    (tmp_path / "loose").mkdir()
    small_project.dvc("init", "-q", "--no-scm", cwd=tmp_path / "loose")
    with pytest.raises(StorageError, match="no Git repository"):
        catalog.connect(tmp_path / "loose", at="v1")


def test_a_revision_of_before_the_project_holds_no_table(two_versions: Path, tmp_path: Path) -> None:
    project = small_project.copy(two_versions, tmp_path)
    tree = small_project.git("mktree", "--missing", cwd=project)
    first = small_project.git("commit-tree", tree.strip(), "-m", "nothing yet", cwd=project).strip()
    with catalog.connect(project, at=first) as db:
        assert rows(db, "show tables") == []
        assert rows(db, "select count(*) from now.generations") == [(104,)]


@pytest.mark.parametrize("sql", [
    "from read_csv('/etc/passwd')", "from read_text('/etc/passwd')", "from glob('/etc/*')", "from '/etc/passwd'",
    "copy (select 1) to '{folder}/out.csv'", "attach '{folder}/new.duckdb'", "export database '{folder}/all'",
    "set enable_external_access = true", "set lock_configuration = false", "load httpfs", "install httpfs",
    "from read_parquet('{folder}/other.parquet')", "from 'http://127.0.0.1:9/x.parquet'",
])  # fmt: skip
def test_the_connection_opens_no_file_but_the_tables(two_versions: Path, tmp_path: Path, sql: str) -> None:
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "other.parquet")
    with catalog.connect(two_versions, tables={"counts"}) as db, pytest.raises(duckdb.Error):
        db.sql(sql.format(folder=tmp_path)).fetchall()
    assert [path.name for path in tmp_path.iterdir()] == ["other.parquet"]


def test_a_written_catalogue_opens_anywhere(
    two_versions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = catalog.write(two_versions, tmp_path / "catalog.duckdb")
    assert {"generations", "mixes", "scored", "paired"} <= set(written)
    monkeypatch.chdir("/")
    with duckdb.connect(str(tmp_path / "catalog.duckdb"), read_only=True) as db:
        assert rows(db, "select count(*), count(reward) from scored") == [(104, 104)]
        assert rows(db, "select count(distinct side) from mixes") == [(2,)]
    with pytest.raises(TableError, match="no table"):
        catalog.write(tmp_path, tmp_path / "none.duckdb")
