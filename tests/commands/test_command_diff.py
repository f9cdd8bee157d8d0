"""`rlhf-data diff` between real versions, and the comparison itself on small tables."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
import small_project
from small_project import command

from rlhf_data.errors import StorageError, TableError
from rlhf_data.sharing.table_diff import difference
from rlhf_data.sql import catalog, layout


def test_rows_are_told_apart_by_key_and_columns_by_what_changed() -> None:
    before = pl.DataFrame({"id": [1, 2, 3, 4], "a": ["x", "y", None, "z"], "b": [1.0, float("nan"), 3.0, None], "c": 0})
    after = pl.DataFrame({"id": [5, 4, 3, 2], "b": [5.0, 4.0, 3.0, float("nan")], "a": ["w", "Z", None, "y"], "d": 0})
    found = difference(before, after, ["id"])
    assert (found.added["id"].to_list(), found.removed["id"].to_list(), found.unchanged) == ([5], [1], 2)
    assert found.columns == {"a": 1, "b": 1}
    assert found.changed.rows() == [(4, "z", "Z", None, 4.0)]
    assert found.changed.columns == ["id", "a before", "a after", "b before", "b after"]
    assert (found.columns_added, found.columns_removed) == (["d"], ["c"])


def test_conversations_are_compared_whole_and_types_as_they_were() -> None:
    turns = [[{"role": "user", "content": text}] for text in ("a", "b")]
    before = pl.DataFrame({"id": [1, 2], "prompt": turns, "n": pl.Series([1, 2], dtype=pl.UInt8)})
    after = pl.DataFrame({"id": [1, 2], "prompt": [turns[0], turns[0]], "n": ["1", "no number"]})
    assert difference(before, after, ["id"]).columns == {"prompt": 1, "n": 1}
    assert difference(before, before, ["id"]).unchanged == 2
    assert difference(before.clear(), before.clear(), ["id"]).changed.is_empty()


def test_a_key_that_names_no_row_is_refused() -> None:
    table = pl.DataFrame({"id": [1, 1], "a": [1, 2]})
    with pytest.raises(TableError, match=r"later version has 2 of 2 rows whose id is not unique"):
        difference(table.head(1), table, ["id"])
    with pytest.raises(TableError, match="earlier version has no column sample"):
        difference(table, table, ["id", "sample"])


def test_every_table_has_a_key() -> None:
    keys = {table: catalog.key(table) for table in layout.TABLES}
    assert keys["scores"] == ["iteration", "judge", "prompt_id", "sample"]
    assert keys["mixes"] == ["mix", "side", "pair_id"]
    assert [table for table, columns in keys.items() if not columns] == []


def test_versions_are_compared_with_each_other_and_with_the_workspace(two_versions: Path) -> None:
    said = command("diff", "rewards", "v1", cwd=two_versions)
    assert said.startswith("rewards: v1 → now, rows by iteration, prompt_id, sample\n")
    assert "    reward changed in 96 rows" in said
    found = json.loads(command("diff", "rewards", "v1", "v2", "--format", "json", cwd=two_versions))
    numbers = {"rows_before": 96, "rows_after": 104, "added": 8, "removed": 0, "changed": 96, "unchanged": 0}
    assert found.items() >= numbers.items()
    assert (found["columns"], "rows" in found) == ({"reward": 96}, False)
    back = json.loads(command("diff", "rewards", "v2", "v1", "--format", "json", cwd=two_versions))
    assert (back["added"], back["removed"]) == (0, 8)
    same = json.loads(command("diff", "generations", "v2", "--format", "json", cwd=two_versions))
    assert (same["unchanged"], same["changed"], same["columns"]) == (104, 0, {})


def test_some_rows_are_shown(two_versions: Path) -> None:
    said = command("diff", "rewards", "v1", "--rows", "--limit", "2", cwd=two_versions)
    assert "\nadded:\n" in said
    assert "\nchanged:\n" in said
    assert "\nremoved:\n" not in said
    found = json.loads(command("diff", "rewards", "v1", "--rows", "--limit", "2", "--format", "json", cwd=two_versions))
    assert [len(found["rows"][kind]) for kind in ("added", "removed", "changed")] == [2, 0, 2]
    assert {"reward before", "reward after"} <= set(found["rows"]["changed"][0])


def test_what_cannot_be_compared_is_said(two_versions: Path, tmp_path: Path) -> None:
    for arguments, error, said in (
        (("reward", "v1"), TableError, "reward: no such table; near: reward"),
        (("scored", "v1"), TableError, "scored: no such table"),
        (("verdicts", "v1"), TableError, "there is no verdicts in now, v1"),
        (("rewards", "v9"), StorageError, "v9: no such Git revision"),
    ):
        with pytest.raises(error, match=said):
            command("diff", *arguments, cwd=two_versions)
    (tmp_path / "dvc.yaml").touch()
    with pytest.raises(StorageError, match="no DVC project"):
        command("diff", "rewards", "v1", cwd=tmp_path)


def test_a_table_that_the_workspace_has_lost_is_named(two_versions: Path, tmp_path: Path) -> None:
    project = small_project.copy(two_versions, tmp_path)
    (project / "data/rewards/iter1.parquet").unlink()
    with pytest.raises(TableError, match=r"there is no rewards in now\n  `dvc repro` makes it, `dvc pull` fetches it"):
        command("diff", "rewards", "v1", cwd=project)
