"""Comparisons given literally, and the side of the mix on which each lands."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from rlhf_data import params
from rlhf_data.cleaning.mixes import Mix, mix, of_sources
from rlhf_data.errors import TableError
from rlhf_data.params.cleaning import MixParams
from rlhf_data.schemas import Preferences
from rlhf_data.sources import formats

ROOT = Path(__file__).parents[2]
# with seed 0, the prompts b, c, i and j are held out at a share of 0.25
FIRST = [(f"first {prompt} {n}", "first", prompt) for prompt in "abcd" for n in range(3)]
SECOND = [(f"second {prompt}", "second", prompt) for prompt in "abijk"]


def preferences(rows: list[tuple[str, str, str]]) -> pl.DataFrame:
    columns = pl.DataFrame(rows, schema=["pair_id", "source", "prompt_id"], orient="row").with_row_index("row")
    return columns.with_columns(
        prompt=pl.concat_list(pl.struct(role=pl.lit("user"), content=pl.col("prompt_id") + " 1230")),
        chosen=pl.lit("A carp."),
        rejected=pl.lit("A whale."),
        chosen_score=pl.lit(None, pl.Float64),
        rejected_score=pl.lit(None, pl.Float64),
        margin=pl.lit(None, pl.Float64),
        annotator=pl.lit("human"),
        label_probability=pl.lit(None, pl.Float64),
    ).select(Preferences.column_names())


def mixed(rows: list[tuple[str, str, str]], *, max_pairs: int | None = None, max_test_pairs: int | None = None,
          shares: dict[str, float] | None = None, seed: int = 0) -> Mix:  # fmt: skip
    wanted = MixParams(sources=shares, max_pairs=max_pairs, max_test_pairs=max_test_pairs)
    return mix(preferences(rows), wanted, held_out=0.25, seed=seed)


def ids(table: pl.DataFrame) -> list[str]:
    return table["pair_id"].to_list()


def test_no_prompt_is_on_both_sides() -> None:
    found = mixed([*FIRST, *SECOND])
    assert set(found.train["prompt_id"]) == set("adk")
    assert set(found.test["prompt_id"]) == set("bcij")


@pytest.mark.parametrize(("max_pairs", "max_test_pairs"), [(None, None), (4, 3), (4, None), (None, 3), (100, 100)])
def test_caps_and_nothing_lost(max_pairs: int | None, max_test_pairs: int | None) -> None:
    whole = mixed([*FIRST, *SECOND])
    capped = mixed([*FIRST, *SECOND], max_pairs=max_pairs, max_test_pairs=max_test_pairs)
    assert (whole.train.height, whole.test.height, whole.unused.height) == (8, 9, 0)
    assert ids(capped.train) == ids(whole.train)[:max_pairs]
    assert ids(capped.test) == ids(whole.test)[:max_test_pairs]
    assert sorted(ids(pl.concat(capped))) == sorted(name for name, _, _ in [*FIRST, *SECOND])


def test_a_new_source_moves_no_pair() -> None:
    before, after = mixed(FIRST), mixed([*SECOND, *FIRST])
    for side in ("train", "test"):
        kept = getattr(after, side).filter(pl.col("source") == "first")
        assert ids(kept) == ids(getattr(before, side))


def test_the_order_is_the_seeds_and_not_the_rows() -> None:
    one, other = mixed([*FIRST, *SECOND]), mixed([*SECOND, *FIRST][::-1])
    assert ids(one.train) == ids(other.train)
    assert ids(one.train) != sorted(ids(one.train))
    assert ids(one.test) == ids(other.test)
    assert set(ids(mixed([*FIRST, *SECOND], seed=1).train)) != set(ids(one.train))


def test_no_pairs() -> None:
    found = mixed([], max_pairs=4, max_test_pairs=4)
    assert [side.height for side in found] == [0, 0, 0]
    assert found.train.columns == Preferences.column_names()


MANY = [(f"{source} {n}", source, f"prompt {n % 60}") for source in ("first", "second") for n in range(200)]


def test_a_share_is_drawn_and_the_rest_is_unused() -> None:
    whole, half, tenth = (mixed(MANY, shares={"first": share, "second": 1}) for share in (1.0, 0.5, 0.1))
    assert sorted(ids(pl.concat(half))) == sorted(name for name, _, _ in MANY)
    assert whole.unused.height == 0
    assert set(half.unused["source"]) == {"first"}
    assert 70 < half.unused.height < 130
    for side in ("train", "test"):
        drawn = [set(ids(getattr(one, side))) for one in (tenth, half, whole)]
        assert drawn[0] < drawn[1] < drawn[2]


def test_a_mix_takes_its_sources_in_its_order() -> None:
    pairs = preferences([*FIRST, *SECOND])
    assert ids(of_sources(pairs, {"second": 1, "first": 1})) == [name for name, _, _ in [*SECOND, *FIRST]]
    assert ids(of_sources(preferences([*SECOND, *FIRST]), None)) == [name for name, _, _ in [*FIRST, *SECOND]]
    with pytest.raises(TableError, match="no comparisons of third\n  there are those of: first, second"):
        of_sources(pairs, {"third": 1, "first": 1})


def test_the_paper_s_mixes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    profile = params.load_profile("llama3-8b")
    published = {}
    for name, one in profile.ingest.sources.items():
        about = formats.about(one.format)
        published[name] = about.expected.pairs if about else None
    pairs = {mix: [published[source] or 0 for source in wanted.sources or ()] for mix, wanted in profile.mix.items()}

    assert {mix: (len(found), sum(found)) for mix, found in pairs.items()} == {
        "mix1": (4, 548_722),  # and summarization, whose size the paper does not give
        "mix2": (10, 848_965),
        "all": (10, 848_965),
    }
    assert profile.mix["all"].max_pairs == 700_000
    assert all(published[source] for source in profile.table5.complete)
