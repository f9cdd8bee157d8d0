"""Single bits that change in the file of a table: no stage reads another value than the one that was written."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Callable
from pathlib import Path

import dataframely as dy
import polars as pl
import pytest
import small_project
from small_project import flipped

from rlhf_data import schemas
from rlhf_data.errors import StorageError, TableError
from rlhf_data.sql import queries
from rlhf_data.sql.layout import TABLES
from rlhf_data.storage import seals, tables

FLIPS = 400


def content_of(project: Path, schema: type[dy.Schema], tmp_path: Path) -> bytes:
    """The bytes of a table's file: of the small project where it has one, else of rows drawn by its schema."""
    for table in [one for one in TABLES.values() if one.schema == schema.__name__]:
        for found in sorted((project / table.folder).rglob("*.parquet")):
            return found.read_bytes()
    path = tmp_path / "drawn.parquet"
    # a column `sample` hides the schema's own method of that name
    drawn = dy.Schema.sample.__func__(schema, 40, generator=dy.random.Generator(seed=7))  # type: ignore[attr-defined]
    tables.write(drawn, path, schema)
    return path.read_bytes()


def put(path: Path, content: bytes, *, turn: int) -> None:
    path.write_bytes(content)
    os.utime(path, ns=(turn, turn))  # a file that is written again within a tick of the clock


@pytest.mark.parametrize("kind", sorted(TABLES))
def test_a_bit_that_changes_is_refused_or_harmless(
    two_versions: Path, tmp_path: Path, kind: str, refused: Callable[..., None]
) -> None:
    schema = getattr(schemas, TABLES[kind].schema)
    content = content_of(two_versions, schema, tmp_path)
    path = tmp_path / "table.parquet"
    put(path, content, turn=0)
    whole, chance, harmless = tables.read(path, schema), random.Random(kind), 0
    for turn, bit in enumerate(chance.sample(range(8 * len(content)), FLIPS), start=1):
        put(path, flipped(content, bit), turn=turn)
        try:
            assert tables.read(path, schema).equals(whole), bit
            harmless += 1
        except TableError:
            pass
    assert harmless < FLIPS / 20
    refused("bits of tables that change", FLIPS)


def test_every_bit_of_a_small_file(tmp_path: Path) -> None:
    path, table = tmp_path / "table.parquet", pl.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "z"]})
    tables.to_parquet(table, path)
    content, silent = path.read_bytes(), []
    for bit in range(8 * len(content)):
        put(path, flipped(content, bit), turn=bit)
        try:
            seals.refuse_changed(path)
            silent.append(bit // 8)
        except TableError:
            pass
    for byte in set(silent):  # in the words that lead to the seal, or in the seal where it is no number any more
        near = content[byte - len(seals.BLANK) - len(seals.KEY) - 2 : byte + len(seals.KEY) + 2]
        assert seals.KEY.encode() in near


def test_what_is_cut_or_lengthened_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    tables.to_parquet(pl.DataFrame({"a": range(5000), "b": [f"{one:x}" for one in range(5000)]}), path)
    content = path.read_bytes()
    for turn, other in enumerate([content[1:], content[:1000] + content[1001:], content + b"\0", b"\0" + content]):
        put(path, other, turn=turn)
        with pytest.raises(TableError, match=r"table\.parquet: damaged: its bytes are not those that were written\n"):
            seals.refuse_changed(path)


def test_a_query_refuses_what_a_stage_does(tmp_path: Path) -> None:
    path = tmp_path / "generations" / "part.parquet"
    path.parent.mkdir()
    tables.to_parquet(pl.DataFrame({"a": [1]}), path)
    path.write_bytes(flipped(path.read_bytes(), 100))
    for source in (path, path.parent, [path]):
        with pytest.raises(TableError, match="damaged"):
            queries.run(queries.names()[0], {"generations": source})


def test_files_of_others_have_no_seal(tmp_path: Path) -> None:
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "a.parquet")
    seals.refuse_changed(tmp_path / "a.parquet")


READINGS: dict[str, list[tuple[str, ...]]] = {
    "rewards/iter1.parquet": [
        ("sql", "--at", "v1", "select avg(reward) from rewards"),
        ("ask", "iterations", "--at", "v1"),
        ("diff", "rewards", "v1", "v2"),
        ("export", "rewards/iter1", "--at", "v1", "--out", "../out"),
    ],
    **{
        path: [("sql", "--at", "v1", f"select count(*) from {path.partition('/')[0]}")]
        for path in ("preferences", "instructions/train.parquet", "mixes", "prompts", "generations/iter1",
                     "pairs/iter1.parquet", "history/iter1")
    },
}  # fmt: skip


def damage(stored: Path, cut: bool) -> None:
    if cut:
        stored.chmod(0o644)
        stored.write_bytes(stored.read_bytes()[:-100])
    else:
        small_project.flip(stored)


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("out", READINGS)
def test_what_changes_in_the_cache_is_no_answer(
    two_versions: Path, tmp_path: Path, out: str, cut: bool, refused: Callable[..., None]
) -> None:
    project = small_project.copy(two_versions, tmp_path / "project")
    small_project.git("checkout", "-q", "v1", cwd=project)
    names = small_project.oids(project)
    name = next(one for one in names if one.startswith(f"data/{out}") and one.endswith(".parquet"))
    stored = small_project.stored(project / ".dvc/cache", names[name])
    damage(stored, cut)
    small_project.git("checkout", "-q", "v2", cwd=project)
    for reading in READINGS[out]:
        with pytest.raises(StorageError, match=rf"{re.escape(name)} at v1: damaged\n  `rlhf-data verify --at v1`"):
            small_project.command(*reading, cwd=project)
    refused("what changes in the cache", len(READINGS[out]))


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("out", ["preferences", "mixes", "prompts", "generations/iter1", "history/iter1"])
def test_a_list_of_files_that_changes_in_the_cache_is_no_answer(
    two_versions: Path, tmp_path: Path, out: str, cut: bool, refused: Callable[..., None]
) -> None:
    project = small_project.copy(two_versions, tmp_path / "project")
    small_project.git("checkout", "-q", "v1", cwd=project)
    damage(small_project.stored(project / ".dvc/cache", small_project.oids(project)[f"data/{out}"]), cut)
    small_project.git("checkout", "-q", "v2", cwd=project)
    with pytest.raises(StorageError, match=rf"data/{out} at v1: damaged\n  `rlhf-data verify --at v1`"):
        small_project.command("sql", "--at", "v1", f"select count(*) from {out.partition('/')[0]}", cwd=project)
    refused("what changes in the cache")
