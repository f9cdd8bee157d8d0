"""A prompt whose highest reward lost: the page says reward, the price of its length, and the score that decides."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
import small_project

from rlhf_data.explore import reading, views
from rlhf_data.explore.choices import Choices
from rlhf_data.loop import responses
from rlhf_data.schemas import Generations, Pairs
from rlhf_data.storage import tables

PENALTY = 0.2


@pytest.fixture
def project(two_versions: Path, tmp_path: Path) -> Path:
    """Sample 1 has the higher reward, by 1, and ten characters more, which cost 2."""
    project = small_project.copy(two_versions, tmp_path)
    data = project / "data"
    said = pl.concat(tables.read_parts(data / "generations/iter1", Generations).values())
    longer = pl.when(pl.col("sample") == 1).then(pl.col("response") + " and more.").otherwise(pl.col("response"))
    said = said.with_columns(response=longer).with_columns(response_chars=pl.col("response").str.len_chars())
    tables.write_parts(responses.parts(said, prompts=16).items(), data / "generations/iter1", Generations)
    pair = tables.read(data / "pairs/iter1.parquet", Pairs)
    other = {"chosen": "rejected", "rejected": "chosen", "chosen_reward": "rejected_reward"}
    swapped = pair.with_columns(
        *(pl.col(theirs).alias(ours) for ours, theirs in other.items()),
        pl.col("chosen_reward").alias("rejected_reward"),
        chosen_sample=pl.lit(0, pl.UInt8), rejected_sample=pl.lit(1, pl.UInt8), margin=pl.lit(1.0, pl.Float32),
    )  # fmt: skip
    tables.write(swapped, data / "pairs/iter1.parquet", Pairs)
    return project


def test_the_score_that_decided_is_shown_and_ranks(project: Path) -> None:
    now = reading.version(project, None)
    assert now.penalties == {"iter1": pytest.approx(PENALTY, abs=1e-6)}
    prompt = views.view(Choices(part="iter1"), now, None)["prompt"]
    first, second = prompt["responses"]
    assert (prompt["chosen"], prompt["rejected"]) == (first["answer"], second["answer"]) == ("0", "1")
    assert second["reward"] - first["reward"] == pytest.approx(1)
    for one in (first, second):
        assert one["price"] == pytest.approx(PENALTY * one["response_chars"], rel=1e-5)
        assert one["score"] == pytest.approx(one["reward"] - one["price"])
    assert first["score"] - second["score"] == pytest.approx(prompt["margin"], abs=1e-5)
    assert (prompt["right"], prompt["left"]) == (first, second)


def test_without_pairs_of_two_lengths_there_is_no_score(two_versions: Path) -> None:
    now = reading.version(two_versions, None)
    prompt = views.view(Choices(part="iter1"), now, None)["prompt"]
    assert now.penalties == {}
    assert [one["score"] for one in prompt["responses"]] == [None, None]
    assert [one["answer"] for one in prompt["responses"]] == ["1", "0"]  # by reward
