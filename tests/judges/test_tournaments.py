"""Who is best and worst of K responses by comparisons alone, and what that costs."""

from __future__ import annotations

import math
from collections.abc import Sequence

import polars as pl
import pytest

from rlhf_data.inference.protocols import ResponsePair
from rlhf_data.judges import tournaments
from rlhf_data.judges.tournaments import Contest
from rlhf_data.schemas import Message

PROMPT = [Message(role="user", content="How long is it?")]
WORDS = ["aaa", "a", "aaaaa", "aa", "aaaaaaaa", "aaaa", "aaaaaaa", "aaaaaa"]


class LongerWins:
    """A judge with a known mind that counts what it is asked."""

    def __init__(self) -> None:
        self.calls = self.asked = 0

    def __call__(self, comparisons: Sequence[ResponsePair]) -> list[float]:
        self.calls += 1
        self.asked += len(comparisons)
        return [1 / (1 + math.exp(len(one.second) - len(one.first))) for one in comparisons]

    prefer = __call__


def contest(*responses: str) -> Contest:
    return Contest(PROMPT, responses)


def test_round_robin_ranks_as_the_judge_does() -> None:
    judge = LongerWins()

    (rewards,) = tournaments.play([contest(*WORDS)], judge, ranking="round_robin")

    assert sorted(WORDS, key=len) == [word for _, word in sorted(zip(rewards, WORDS, strict=True))]
    assert judge.asked == 8 * 7 / 2
    assert sum(rewards) == pytest.approx(8 / 2)  # every game gives one point


def test_knock_out_finds_both_ends_with_ten_games() -> None:
    judge = LongerWins()

    (rewards,) = tournaments.play([contest(*WORDS)], judge, ranking="knock_out")

    assert rewards[WORDS.index("aaaaaaaa")] == max(rewards) == 3
    assert rewards[WORDS.index("a")] == min(rewards) == -3
    assert sum(reward == 3 for reward in rewards) == sum(reward == -3 for reward in rewards) == 1
    assert judge.asked == 4 + 2 + 1 + 2 + 1


@pytest.mark.parametrize("size", range(2, 10))
@pytest.mark.parametrize("ranking", ["knock_out", "round_robin"])
def test_any_number_of_responses_has_its_best_and_its_worst(size: int, ranking: str) -> None:
    words = ["a" * n for n in range(size, 0, -1)]

    (rewards,) = tournaments.play([contest(*words)], LongerWins(), ranking=ranking)  # type: ignore[arg-type]

    assert rewards.index(max(rewards)) == 0
    assert [n for n, reward in enumerate(rewards) if reward == min(rewards)][-1] == size - 1


def test_contests_play_together_and_apart_alike() -> None:
    contests = [contest(*WORDS[:3]), contest(*WORDS), contest("a"), contest("aa", "a")]
    judge = LongerWins()

    together = tournaments.play(contests, judge, ranking="knock_out")

    assert together == [tournaments.play([one], LongerWins(), ranking="knock_out")[0] for one in contests]
    assert judge.calls == 3 + 2  # rounds up and down of the largest
    assert together[2] == [0]


def test_no_verdict_is_a_draw() -> None:
    def silent(comparisons: Sequence[ResponsePair]) -> list[float]:
        return [math.nan] * len(comparisons)

    assert tournaments.play([contest("a", "b", "c")], silent, ranking="round_robin") == [[0.5, 0.5, 0.5]]
    assert tournaments.play([contest("a", "b")], silent, ranking="knock_out") == [[1, -1]]


ROWS = pl.DataFrame(
    {
        "prompt_id": ["p", "p", "p", "q", "q"],
        "sample": [0, 1, 2, 0, 1],
        "response": ["aa", "a", "aa", "a", "aaa"],
    }
)
PROMPTS = pl.DataFrame({"prompt_id": ["p", "q"], "prompt": [PROMPT, PROMPT]})


def test_a_changed_response_changes_the_job_of_all_to_its_prompt() -> None:
    before = tournaments.to_play(ROWS, judge="longer", job="j", ranking="knock_out")
    after = tournaments.to_play(
        ROWS.with_columns(pl.col("response").replace({"aaa": "aaaa"})), judge="longer", job="j", ranking="knock_out"
    )

    assert before["judge"].unique().to_list() == ["longer"]
    changed = (before["job"] != after["job"]).to_list()
    assert changed == [False, False, False, True, True]
    assert before["response_id"][0] == before["response_id"][2] != before["response_id"][1]


def test_rows_get_the_rewards_of_their_responses() -> None:
    rows = tournaments.to_play(ROWS, judge="longer", job="j", ranking="knock_out").unique(
        ["prompt_id", "response_id"], maintain_order=True
    )

    judge = LongerWins()

    parts = list(tournaments.played(judge, rows, PROMPTS, ranking="knock_out", orders="both", part_prompts=1))

    assert judge.asked == 2 * 2
    assert [part.height for part in parts] == [2, 2]
    assert dict(pl.concat(parts).select("response", "reward").rows()) == {"aa": 1, "a": -1, "aaa": 1}
