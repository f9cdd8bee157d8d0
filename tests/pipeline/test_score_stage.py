"""The stages `score` and `combine_rewards` with judges that compare, on a real tiny model."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from rlhf_data.hashing import content_id
from rlhf_data.schemas import Generations, Prompts, Rewards
from rlhf_data.storage import tables

PROMPTS = ["What is 5 minus 1?", "Name a fish."]
RESPONSES = [["It is 4.", "I think it is 5.", "4", "It is 4."], ["A carp.", "A cat, I believe.", "Fish?", "An eel."]]
ASKED, SAID, OUT = Path("data/prompts/iter1.parquet"), Path("data/generations/iter1"), Path("data/scores/iter1")


@pytest.fixture
def answered(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with two prompts and four responses to each."""
    monkeypatch.chdir(project)
    keys = [content_id(text) for text in PROMPTS]
    asked = {"prompt_id": keys, "source": "zoo", "row": [0, 1], "prompt_tokens": 5,
             "prompt": [[{"role": "user", "content": text}] for text in PROMPTS]}  # fmt: skip
    whole = pl.concat([Prompts.create_empty(), pl.DataFrame(asked)], how="diagonal_relaxed")
    tables.write(whole, ASKED, Prompts)
    said = [(key, sample, text) for key, some in zip(keys, RESPONSES, strict=True) for sample, text in enumerate(some)]
    rows = pl.DataFrame(said, schema=["prompt_id", "sample", "response"], orient="row").with_columns(
        iteration=1, response_chars=pl.col("response").str.len_chars(), response_tokens=3, finish_reason=pl.lit("stop"),
        temperature=1.0, seed=0, job=pl.lit("j"),
    )  # fmt: skip
    tables.write_parts([("part-00000", rows)], SAID, Generations)
    return project


def test_a_pairwise_judge_ranks_by_a_knock_out_and_an_ensemble_counts_it(
    answered: Path, policy_dir: Path, reward_dir: Path
) -> None:
    from stages import combine_rewards, score

    score.main(ASKED, SAID, "preference", policy_dir, OUT / "preference.parquet")
    score.main(ASKED, SAID, "reward", reward_dir, OUT / "reward.parquet")

    by_judge = {judge: tables.read(OUT / f"{judge}.parquet", Rewards) for judge in ("preference", "reward")}
    assert by_judge["preference"]["judge"].unique().to_list() == ["preference"]
    first, second = (
        part["reward"].to_list() for part in by_judge["preference"].partition_by("prompt_id", maintain_order=True)
    )
    assert first[0] == first[3]  # the same text
    assert sorted(second) == [-2, -1, 1, 2]

    profile = Path("params/tiny.yaml")
    chosen = "combine_rewards: # whose rewards make pairs\n  judges: [reward]\n  ensemble: null"
    assert chosen in profile.read_text()
    several = "combine_rewards:\n  judges: [reward, preference]\n  ensemble: rank_vote"
    penalised = profile.read_text().replace("length_penalty: 0.01", "length_penalty: 0.001")  # votes lie in [0, 1]
    profile.write_text(penalised.replace(chosen, several))
    project = Path("params.yaml")
    project.write_text(project.read_text().replace("scored_by: [reward]", "scored_by: [reward, preference]"))
    combine_rewards.main(OUT, Path("data/rewards/iter1.parquet"))
    together = tables.read(Path("data/rewards/iter1.parquet"), Rewards)
    assert together["judge"].unique().to_list() == ["rank_vote(reward, preference)"]
    assert together["reward"].is_between(0, 1).all()
    assert together.select("prompt_id", "sample").equals(by_judge["reward"].select("prompt_id", "sample"))
