"""Several judges' rewards as one: each ensemble on rows that can be checked by hand."""

from __future__ import annotations

from typing import Literal

import polars as pl
import pytest

from rlhf_data.errors import TableError
from rlhf_data.judges import ensembles
from rlhf_data.schemas import Rewards

Ensemble = Literal["mean", "min", "rank_vote"]


def scores(judge: str, *rewards: float) -> pl.DataFrame:
    """Two responses to a prompt each."""
    places = range(len(rewards))
    rows = {
        "prompt_id": [f"p{place // 2}" for place in places],
        "sample": [place % 2 for place in places],
        "iteration": 1,
        "judge": judge,
        "response_id": [f"r{place}" for place in places],
        "reward": rewards,
        "job": f"job of {judge}",
    }
    return Rewards.validate(pl.DataFrame(rows), cast=True)


def rewards(ensemble: Ensemble, *tables: pl.DataFrame) -> list[float]:
    found = ensembles.combined({table["judge"][0]: table for table in tables}, ensemble=ensemble)
    Rewards.validate(found, cast=True)
    assert found["judge"].unique().to_list() == [f"{ensemble}({', '.join(table['judge'][0] for table in tables)})"]
    return found["reward"].to_list()


def test_one_judge_is_itself() -> None:
    table = scores("reward", 1, 2, 3, 4)

    assert ensembles.combined({"reward": table}, ensemble=None) is table


def test_scales_do_not_matter_to_a_mean() -> None:
    small, large = scores("small", 0, 1, 0, 1), scores("large", 100, 0, 300, 0)

    assert rewards("mean", small, scores("same", 0, 10, 0, 10)) == pytest.approx(
        [-0.866, 0.866, -0.866, 0.866], abs=1e-3
    )
    assert rewards("mean", small, large) == pytest.approx(
        rewards("mean", small, large.with_columns(pl.col("reward") / 100 + 7)), abs=1e-6
    )


def test_the_worst_case_is_the_lowest_of_the_judges() -> None:
    one, other = scores("one", 0, 2, 0, 2), scores("other", 2, 0, 0, 2)

    assert rewards("min", one, other) == pytest.approx([-0.866, -0.866, -0.866, 0.866], abs=1e-3)


def test_votes_are_places_within_the_prompt() -> None:
    one, other, third = scores("one", 0, 5, 9, 8), scores("other", 1, 7, 0, 3), scores("third", 2, 2, 2, 1)

    assert rewards("rank_vote", one, other, third) == pytest.approx([0.5 / 3, 2.5 / 3, 2 / 3, 1 / 3])


def test_rows_join_by_key_and_not_by_place() -> None:
    one, other = scores("one", 0, 1, 2, 3), scores("other", 0, 1, 2, 3)

    assert rewards("mean", one, other.reverse()) == rewards("mean", one, other)


def test_judges_of_other_responses_are_refused() -> None:
    one, other = scores("one", 0, 1, 2, 3), scores("other", 0, 1, 2, 3)

    with pytest.raises(TableError, match="2 are scored by other, 4 by the first, and 2 of these not by it"):
        rewards("mean", one, other[:2])
    with pytest.raises(TableError, match="and 4 of these not by it"):
        rewards("mean", one, other.with_columns(response_id=pl.lit("another text")))


def test_a_judge_that_ranks_nothing_is_refused() -> None:
    with pytest.raises(TableError, match="reward of flat is the same for all 4 responses"):
        rewards("mean", scores("one", 0, 1, 2, 3), scores("flat", 1, 1, 1, 1))


def test_the_job_names_all_judges_and_how_they_count() -> None:
    one, other = scores("one", 0, 1), scores("other", 0, 1)
    jobs = {
        ensembles.combined({"one": one, "other": two}, ensemble=how)["job"][0]
        for how in ("mean", "min", "rank_vote")
        for two in (other, other.with_columns(job=pl.lit("another")))
    }

    assert len(jobs) == 6
