"""Every table and column has its meaning, the examples answer, and a catalogue says it in its comments."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest

from rlhf_data import schemas
from rlhf_data.commands import tables as command
from rlhf_data.errors import TableError
from rlhf_data.sql import catalog, dictionary, layout
from rlhf_data.storage import tables


@pytest.fixture(scope="module")
def project(two_versions: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with every table; those that the small one lacks are empty."""
    made = tmp_path_factory.mktemp("dictionary") / "project"
    shutil.copytree(two_versions, made, ignore=shutil.ignore_patterns(".git", "cache"))
    for table in layout.TABLES.values():
        path = made / table.path.replace("*", "part-0").format(**dict.fromkeys(table.columns, "iter1"))
        found = made.glob(table.path.format(**dict.fromkeys(table.columns, "*")))
        if not table.groups(one.relative_to(made).as_posix() for one in found):
            schema = getattr(schemas, table.schema)
            tables.write(schema.create_empty(), path, schema)
    return made


@pytest.mark.parametrize("name", layout.TABLES)
def test_every_column_of_a_table_has_a_meaning(name: str) -> None:
    found = dictionary.table(name)
    assert len(found.about) > 5
    assert set(found.key) <= set(found.columns)
    assert set(getattr(schemas, layout.TABLES[name].schema).column_names()) <= set(found.columns)
    assert all(2 < len(text) < 120 for text in found.columns.values())


def test_every_column_of_a_view_has_a_meaning(project: Path) -> None:
    with catalog.connect(project) as db:
        for name in layout.NAMES:
            assert sorted(db.table(name).columns) == sorted(dictionary.described(name).columns), name


@pytest.mark.parametrize("title", dictionary.EXAMPLES)
def test_examples_answer(project: Path, title: str) -> None:
    with catalog.connect(project) as db:
        assert db.sql(dictionary.EXAMPLES[title]).columns


def test_a_catalogue_has_the_comments(project: Path, tmp_path: Path) -> None:
    names = catalog.write(project, tmp_path / "catalogue.duckdb")
    with duckdb.connect(str(tmp_path / "catalogue.duckdb"), read_only=True) as db:
        views = dict(db.sql("select view_name, comment from duckdb_views() where not internal").fetchall())
        columns = db.sql("select table_name, column_name, comment from duckdb_columns() where not internal").fetchall()
    assert set(views) == set(names) == set(layout.NAMES)
    assert views["pairs"] == "one DPO pair"
    assert ("rewards", "reward", "of the judge, before any length penalty") in columns
    assert ("scored", "rank", "of the response among those to its prompt by reward, 1 the best") in columns
    assert [row for row in columns if not row[2]] == []


def test_the_command_lists_tables_and_columns(capsys: pytest.CaptureFixture[str]) -> None:
    command.main()
    listed = capsys.readouterr().out
    assert "pairs\n    one DPO pair (key: iteration, prompt_id)\n" in listed
    command.main("pair_rejects")
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "one response that is in no pair, with the rule"
    assert [line.split()[0] for line in said[1:]] == ["iteration", "prompt_id", "sample", "rule"]
    with pytest.raises(TableError, match="pear: no such table or view; there are: preferences"):
        command.main("pear")
