"""Rows wanted, rows finished before, rows computed: nothing twice, nothing lost, nothing damaged used."""

from __future__ import annotations

import hashlib
import random
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import polars as pl
import pytest
from small_project import flipped

from rlhf_data.errors import TableError
from rlhf_data.schemas import Rewards
from rlhf_data.storage import journal, tables

OUT = Path("data/rewards/iter1.parquet")
ON, VALUES = ["prompt_id", "response_id", "job"], ["reward"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(journal, "JOURNAL", Path("data/.journal"))


def wanted(texts: str, job: str = "j") -> pl.DataFrame:
    """One response a letter, all to one prompt."""
    columns = [("p", sample, 1, "reward", text, job) for sample, text in enumerate(texts)]
    schema = Rewards.create_empty().drop("reward").schema
    return pl.DataFrame(columns, schema=schema, orient="row")


def scored(rows: pl.DataFrame) -> pl.DataFrame:
    """A reward that the text decides."""
    return rows.with_columns(reward=pl.Series([float(ord(text)) for text in rows["response_id"]], dtype=pl.Float32))


def opened(job: str = "j", *, fresh: bool = False) -> AbstractContextManager[journal.Rows]:
    return journal.opened(OUT, Rewards, job=job, on=ON, values=VALUES, fresh=fresh)


def texts(rows: pl.DataFrame) -> str:
    return "".join(rows["response_id"])


def interrupted(rows: pl.DataFrame, after: int, part: int) -> Iterator[pl.DataFrame]:
    yield from scored(rows).head(after).iter_slices(part)
    raise KeyboardInterrupt


def run(wish: str, *, after: int | None = None, part: int = 1, fresh: bool = False) -> str:
    """Computes what is missing of a wish, and returns that."""
    with opened(fresh=fresh) as rows:
        missing = rows.missing(wanted(wish))
        if after is not None:
            rows.keep(interrupted(missing, after, part))
        rows.keep([scored(missing)] if missing.height else [])
        filled = rows.fill(wanted(wish))
        assert texts(filled) == wish
        assert filled["reward"].to_list() == [float(ord(text)) for text in wish]
        tables.write(filled, OUT, Rewards)
    return texts(missing)


def test_alike_rows_are_computed_once_and_all_filled(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("abab") == "ab"
    assert "4 rows wanted (2 distinct): 0 from the previous version, 0 from an interrupted run, 2 to compute" in (
        capsys.readouterr().out
    )
    assert not list(journal.JOURNAL.glob("*/*"))


@pytest.mark.parametrize("after", [0, 1, 2, 3, 5])
def test_what_was_ready_at_an_interruption_is_not_computed_again(
    after: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(KeyboardInterrupt):
        run("abcdef", after=after)
    assert not OUT.exists()

    assert run("abcdef") == "abcdef"[after:]
    assert f"{after} from an interrupted run, {6 - after} to compute" in capsys.readouterr().out


def test_no_part_that_changed_is_used() -> None:
    with pytest.raises(KeyboardInterrupt):
        run("abcdefgh", after=8, part=4)
    folder, kept = journal.JOURNAL / "rewards-iter1-j", journal.JOURNAL / "kept"
    shutil.copytree(folder, kept)
    name = min(path.name for path in kept.iterdir())
    content, chance = (kept / name).read_bytes(), random.Random(0)
    cut = [content[:length] for length in range(0, len(content), 97)]
    flips = [flipped(content, bit) for bit in chance.sample(range(8 * len(content)), 60)]
    for damaged in (*cut, *flips):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(kept, folder)
        (folder / name).write_bytes(damaged)
        assert len(run("abcdefgh")) == 4  # the rows of the other part are used
        OUT.unlink()


@pytest.mark.parametrize("damage", ["cut", "flipped", "half"])
def test_a_damaged_part_is_computed_again(damage: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt):
        run("abcd", after=4, part=4)
    (part,) = (journal.JOURNAL / "rewards-iter1-j").iterdir()
    content = bytearray(part.read_bytes())
    if damage == "flipped":
        content[12] ^= 1
    else:
        content = content[:-9] if damage == "cut" else bytearray()
    part.write_bytes(content)
    part.with_name(".abc.parquet.partial").write_bytes(content)  # as a kill within a write leaves it

    assert run("abcd") == "abcd"
    assert "damaged; its rows are computed again" in capsys.readouterr().out


def test_a_part_of_another_layout_is_not_used(capsys: pytest.CaptureFixture[str]) -> None:
    content = pl.DataFrame({"prompt_id": ["p"], "score": [1.0]})
    folder = journal.JOURNAL / "rewards-iter1-j"
    folder.mkdir(parents=True)
    content.write_parquet(folder / "x")
    (folder / "x").rename(folder / f"{hashlib.sha256((folder / 'x').read_bytes()).hexdigest()}.parquet")

    assert run("ab") == "ab"
    assert "rows of another layout, not used" in capsys.readouterr().out


def test_another_job_s_rows_are_not_used() -> None:
    with pytest.raises(KeyboardInterrupt):
        run("ab", after=2)
    with opened("other") as rows:
        assert texts(rows.missing(wanted("ab", "other"))) == "ab"
    assert run("ab") == ""  # and they are still there for their own


def test_fresh_ignores_what_a_run_that_was_not_fresh_left(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt):
        run("ab", after=2)
    with pytest.raises(KeyboardInterrupt):
        run("ab", after=1, fresh=True)
    assert "computed anew" in capsys.readouterr().out
    assert run("ab", fresh=True) == "b"  # but goes on from where a fresh one was interrupted


def test_rows_that_were_not_computed_are_an_error() -> None:
    with opened() as rows:
        rows.keep([scored(wanted("a"))])
        with pytest.raises(TableError, match="1 of 2 rows were not computed"):
            rows.fill(wanted("ab"))


def test_nothing_wanted_is_an_empty_table() -> None:
    assert run("") == ""
    assert tables.read(OUT, Rewards).height == 0
