"""What is written comes back the same; a table that breaks a promise is an error that counts the broken rows."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import dataframely as dy
import polars as pl
import pytest

from rlhf_data.errors import StorageError, TableError
from rlhf_data.schemas import Pairs, Prompts, Rewards
from rlhf_data.storage import reports, tables
from rlhf_data.storage.atomic import atomically

PROMPT = [{"role": "user", "content": "Name a fish."}]
ROWS = [("a", 0, 1, "rm", "x", 0.5, "j"), ("a", 1, 1, "rm", "y", -1.5, "j"), ("b", 0, 1, "rm", "x", 2.0, "j")]


def rewards(rows: Sequence[tuple[str | None, int, int, str, str, float, str]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=Rewards.create_empty().schema, orient="row")


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_table_comes_back_the_same(tmp_path: Path) -> None:
    path = tmp_path / "new" / "iter1.parquet"
    tables.write(rewards(ROWS), path, Rewards)
    assert tables.read(path, Rewards).rows() == ROWS
    assert files(tmp_path) == ["new", "new/iter1.parquet"]


def test_nested_and_empty_tables_come_back_the_same(tmp_path: Path) -> None:
    prompts = pl.DataFrame([("a", "zoo", 3, PROMPT, 5, None)], schema=Prompts.create_empty().schema, orient="row")
    tables.write(prompts, tmp_path / "prompts.parquet", Prompts)
    assert tables.read(tmp_path / "prompts.parquet", Prompts).rows() == [("a", "zoo", 3, PROMPT, 5, None)]
    tables.write(prompts.clear(), tmp_path / "none.parquet", Prompts)
    assert tables.read(tmp_path / "none.parquet", Prompts).schema == Prompts.create_empty().schema


def test_columns_are_written_in_the_schemas_order_and_types(tmp_path: Path) -> None:
    shuffled = rewards(ROWS).select(
        "job", "judge", "response_id", "reward", pl.col("sample").cast(pl.Int64), "iteration", "prompt_id"
    )
    tables.write(shuffled, tmp_path / "t.parquet", Rewards)
    assert pl.read_parquet_schema(tmp_path / "t.parquet") == dict(Rewards.create_empty().schema)


def test_parts_are_read_by_name_and_in_order(data: Path) -> None:
    tables.write_parts({"part-00001": rewards(ROWS[2:]), "part-00000": rewards(ROWS[:2])}.items(), data / "t", Rewards)
    assert tables.read(data / "t", Rewards).rows() == ROWS
    parts = tables.read_parts(data / "t", Rewards)
    assert {name: part.rows() for name, part in parts.items()} == {"part-00000": ROWS[:2], "part-00001": ROWS[2:]}
    tables.write_parts({"only": rewards(ROWS[:1])}.items(), data / "t", Rewards)
    assert files(data) == ["t", "t/only.parquet"]


def test_earlier_parts_are_checked_and_copied(data: Path) -> None:
    tables.write_parts({"x": rewards(ROWS[:1])}.items(), data / "earlier", Rewards)
    part = data / "earlier/x.parquet"
    rewards(ROWS[:1]).write_parquet(part, compression="uncompressed")  # bytes that writing anew would not give
    part.chmod(0o444)  # as DVC's cache links it

    tables.write_parts([("y", rewards(ROWS[1:]))], data / "t", Rewards, after=data / "earlier")
    assert (data / "t/x.parquet").read_bytes() == part.read_bytes()
    assert tables.read(data / "t", Rewards).equals(rewards(ROWS))
    with pytest.raises(TableError, match="unique over all parts: broken by 2 rows"):
        tables.write_parts([("y", rewards(ROWS[:1]))], data / "t", Rewards, after=data / "earlier")
    rewards(ROWS[:1]).drop("reward").write_parquet(data / "earlier/x.parquet.new")
    (data / "earlier/x.parquet.new").rename(part)
    with pytest.raises(TableError, match="column reward is missing"):
        tables.write_parts([("y", rewards(ROWS[1:]))], data / "t", Rewards, after=data / "earlier")
    assert tables.read(data / "t", Rewards).equals(rewards(ROWS))


def test_a_key_is_unique_over_all_parts(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="prompt_id, sample is unique over all parts: broken by 2 rows"):
        tables.write_parts({"x": rewards(ROWS[:1]), "y": rewards(ROWS[:1])}.items(), tmp_path / "t", Rewards)
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("broken", "rules"),
    [
        (rewards([*ROWS, ROWS[0]]), ["primary_key: broken by 2 of 4 rows"]),
        (rewards([("a", 0, 1, "rm", "x", float("nan"), "j"), *ROWS[1:]]), ["reward_is_finite: broken by 1 of 3 rows"]),
        (rewards([("a", 0, 1, "rm", "x", float("inf"), "j"), *ROWS[1:]]), ["reward_is_finite: broken by 1 of 3 rows"]),
        (rewards([(None, 0, 1, "rm", "x", 0.5, "j"), *ROWS[1:]]), ["prompt_id|nullability: broken by 1 of 3 rows"]),
        (rewards(ROWS).with_columns(sample=pl.lit(300)), ["sample|dtype: broken by 3 of 3 rows"]),
        (rewards(ROWS).with_columns(reward=pl.lit("high")), ["reward|dtype: broken by 3 of 3 rows"]),
        (rewards(ROWS).drop("job"), ["(3 rows)", "column job is missing"]),
        (rewards(ROWS).with_columns(note=pl.lit("")), ["(3 rows)", "column note is unknown"]),
    ],
)
def test_broken_tables_are_not_written_and_not_read(tmp_path: Path, broken: pl.DataFrame, rules: list[str]) -> None:
    path = tmp_path / "t.parquet"
    with pytest.raises(TableError) as caught:
        tables.write(broken, path, Rewards)
    assert files(tmp_path) == []
    broken.write_parquet(path)
    with pytest.raises(TableError) as again:
        tables.read(path, Rewards)
    assert str(again.value) == str(caught.value)
    for told in [f"{path}: not a valid Rewards table", *rules]:
        assert told in str(caught.value)


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"rejected": "A carp."}, "responses_differ: broken by 1 of 1 rows"),
        ({"margin": -0.5}, "margin|min: broken by 1 of 1 rows"),
        ({"prompt": []}, "prompt|min_length: broken by 1 of 1 rows"),
    ],
)
def test_broken_pairs(values: dict[str, object], rule: str) -> None:
    row = {"prompt_id": "a", "iteration": 1, "prompt": PROMPT, "chosen": "A carp.", "rejected": "A whale."}
    row |= {"chosen_sample": 0, "rejected_sample": 1, "chosen_reward": 1.0, "rejected_reward": 0.0, "margin": 1.0}
    schema = Pairs.create_empty().schema
    assert tables.check(pl.DataFrame([row], schema=schema), Pairs, Path("t")).height == 1
    with pytest.raises(TableError) as caught:
        tables.check(pl.DataFrame([row | values], schema=schema), Pairs, Path("t"))
    assert str(caught.value) == f"t: not a valid Pairs table\n  {rule}"


def test_an_absent_table_says_how_to_get_it(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for name in ("absent.parquet", "folder"):
        with pytest.raises(TableError, match=rf"{name}: no such table\n  `dvc repro` makes it"):
            tables.read(tmp_path / name, Rewards)


@pytest.mark.parametrize("content", [b"", b"prompt_id,sample\na,0\n", b"PAR1 cut short"])
def test_a_file_that_is_not_parquet(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.parquet").write_bytes(content)
    with pytest.raises(TableError, match=r"t\.parquet: cannot be read as one Parquet table"):
        tables.read(tmp_path / "t.parquet", Rewards)


def test_parts_of_different_columns(tmp_path: Path) -> None:
    rewards(ROWS[:1]).write_parquet(tmp_path / "x.parquet")
    rewards(ROWS[1:]).drop("job").write_parquet(tmp_path / "y.parquet")
    with pytest.raises(TableError, match="cannot be read as one Parquet table"):
        tables.read(tmp_path, Rewards)


def test_batches_are_whole_parts_and_hold_no_key_twice(tmp_path: Path) -> None:
    parts = {"a": rewards(ROWS[:2]), "b": rewards(ROWS[2:]), "c": rewards([("c", 0, 1, "rm", "x", 0.0, "j")])}
    tables.write_parts(parts.items(), tmp_path / "t", Rewards)
    for rows, heights in ((1, [2, 1, 1]), (3, [3, 1]), (9, [4])):
        assert [batch.height for batch in tables.batches(tmp_path / "t", Rewards, rows=rows)] == heights

    tables.write(rewards(ROWS[:1]), tmp_path / "t/d.parquet", Rewards)
    with pytest.raises(TableError, match=r"\(5 rows\)\n  prompt_id, sample is unique over all parts: broken by 2 rows"):
        list(tables.batches(tmp_path / "t", Rewards, rows=9))


def fail(partial: Path) -> None:
    partial.write_text("half")
    raise KeyboardInterrupt


def fail_in_a_folder(partial: Path) -> None:
    partial.mkdir()
    fail(partial / "half.parquet")


def test_a_save_that_fails_leaves_nothing(tmp_path: Path) -> None:
    for save in (fail, fail_in_a_folder):
        with pytest.raises(KeyboardInterrupt):
            atomically(tmp_path / "t", save)
    assert files(tmp_path) == []


def test_a_save_that_fails_keeps_the_old_file_and_folder(data: Path) -> None:
    (data / "file").write_text("old")
    (data / "folder").mkdir()
    (data / "folder" / "part").write_text("old")
    for name, save in (("file", fail), ("folder", fail_in_a_folder)):
        with pytest.raises(KeyboardInterrupt):
            atomically(data / name, save)
    assert files(data) == ["file", "folder", "folder/part"]
    assert (data / "file").read_text() == "old"


def test_what_an_interrupted_run_left_is_replaced(tmp_path: Path) -> None:
    (tmp_path / ".t.parquet.partial").mkdir()
    tables.write(rewards(ROWS), tmp_path / "t.parquet", Rewards)
    assert files(tmp_path) == ["t.parquet"]


@pytest.mark.parametrize("schema", [Rewards])
def test_the_same_table_is_written_to_the_same_bytes(tmp_path: Path, schema: type[dy.Schema]) -> None:
    many = pl.concat([rewards(ROWS).with_columns(prompt_id=pl.col("prompt_id") + str(n)) for n in range(500)])
    for name in ("x", "y"):
        tables.write(many, tmp_path / f"{name}.parquet", schema)
        tables.write_parts({"part": many}.items(), tmp_path / name, schema)
    assert (tmp_path / "x.parquet").read_bytes() == (tmp_path / "y.parquet").read_bytes()
    assert (tmp_path / "x/part.parquet").read_bytes() == (tmp_path / "y/part.parquet").read_bytes()


def test_chunks_leave_no_trace(tmp_path: Path) -> None:
    whole = pl.DataFrame({"source": ["a"] * 4, "row": range(4)})
    for name, table in [("one", whole), ("two", pl.concat([whole[:1], whole[1:]], rechunk=False))]:
        tables.to_parquet(table, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_small_reports(data: Path) -> None:
    reports.write_csv(pl.DataFrame({"step": [1, 2], "loss": [0.5, None]}), data / "log.csv")
    assert (data / "log.csv").read_text() == "step,loss\n1,0.5\n2,\n"
    reports.write_json({"reward": 0.5, "gold": None}, data / "r.json")
    assert json.loads((data / "r.json").read_text()) == {"reward": 0.5, "gold": None}
    with pytest.raises(ValueError, match="Out of range float"):
        reports.write_json({"reward": float("nan")}, data / "r.json")
    assert files(data) == ["log.csv", "r.json"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The folder of a project whose files stages write again."""
    (tmp_path / "dvc.yaml").touch()
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


@pytest.fixture
def small_disk(data: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    folder = data / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a disk to fill needs the right to mount one: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_leaves_what_was_there(small_disk: Path) -> None:
    path = small_disk / "iter1.parquet"
    tables.write(rewards(ROWS), path, Rewards)
    noise = random.Random(0)
    large = rewards([(noise.randbytes(16).hex(), 0, 1, "rm", "x", 1.0, "j") for _ in range(10_000)])

    with pytest.raises(StorageError, match=r"iter1.parquet: the disk is full"):
        tables.write(large, path, Rewards)
    with pytest.raises(StorageError, match=r"the disk is full"):
        tables.write_parts([("a", large), ("b", large)], small_disk / "parts", Rewards)

    assert tables.read(path, Rewards).rows() == ROWS
    assert files(small_disk) == ["iter1.parquet"]


@pytest.mark.parametrize("folder", [False, True])
@pytest.mark.parametrize("path", [
    "data", "data/t", "data/t.parquet", "data/models", "data/models/reward", "data/../notes", "reports",
    "reports/r.json",
    "params.yaml", "dvc.yaml", ".", "..", ".dvc", "notes", "notes/a.txt", "link", "link/new", "new/new", "data/new",
])  # fmt: skip
def test_a_write_replaces_what_stages_make_or_nothing(tmp_path: Path, path: str, folder: bool) -> None:
    """Whatever path a person gives by mistake."""
    made = {"data/t.parquet": False, "data/t/part": True, "data/models/reward/weights": True, "reports/r.json": False}
    project = tmp_path / "project"
    for name in (*made, "params.yaml", "dvc.yaml", "notes/a.txt", ".dvc/config", "../mine.txt"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text("there before")
    (project / "link").symlink_to(project / "notes")
    before = {one: one.read_text() for one in tmp_path.rglob("*") if one.is_file()}

    def save(partial: Path) -> None:
        partial.mkdir() if folder else None
        (partial / "new" if folder else partial).write_text("new")

    replaced = {name if not inside else str(Path(name).parent): inside for name, inside in made.items()}
    if "new" in path or replaced.get(path) == folder:
        atomically(project / path, save)
        assert (project / path / "new" if folder else project / path).read_text() == "new"
        before = {one: text for one, text in before.items() if project / path not in (one, *one.parents)}
    else:
        said = r"\A[^\n]+: (exists|is a (folder|file)[^\n]*)\n  name [^\n]+\Z"
        with pytest.raises(StorageError, match=said):
            atomically(project / path, save)
    assert {one: one.read_text() for one in before} == before
    assert not list(tmp_path.rglob("*.partial"))


def test_what_a_system_puts_beside_parts_is_no_part(tmp_path: Path) -> None:
    tables.write_parts([("a", rewards(ROWS[:1])), ("b", rewards(ROWS[1:]))], tmp_path / "parts", Rewards)
    (tmp_path / "parts/._a.parquet").write_bytes(b"Mac OS X")
    assert tables.read(tmp_path / "parts", Rewards).rows() == ROWS
    assert list(tables.read_parts(tmp_path / "parts", Rewards)) == ["a", "b"]
    tables.write_parts([], tmp_path / "more", Rewards, after=tmp_path / "parts")
    assert files(tmp_path / "more") == ["a.parquet", "b.parquet"]
