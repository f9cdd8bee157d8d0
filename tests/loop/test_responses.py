"""Requests and answers given literally, and the rows that they become."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import polars as pl
import pytest

from rlhf_data.errors import EngineError, TableError
from rlhf_data.hashing import content_id, row_seed
from rlhf_data.inference.protocols import Completion, Request
from rlhf_data.loop import responses
from rlhf_data.schemas import Generations, Message, Rewards
from rlhf_data.storage import tables

FISH: list[Message] = [{"role": "user", "content": "Name a fish."}]
BIRD: list[Message] = [{"role": "user", "content": "Name a bird."}]
PROMPTS = pl.DataFrame({"prompt_id": ["b", "a"], "prompt": [BIRD, FISH], "source": "zoo"})


class Backwards:
    """Answers the last request first, and says what it saw; stops, or fails, after `most` answers."""

    def __init__(self, most: int, error: BaseException | None = None) -> None:
        self.most = most
        self.error = error

    def generate(self, requests: Iterable[Request]) -> Iterator[tuple[int, Completion]]:
        for place, (prompt, seed, temperature) in [*enumerate(requests)][::-1][: self.most]:
            yield place, Completion(f"{prompt[0]['content']} {seed} {temperature}", 2, "stop")
        if self.error:
            raise self.error


class Lengths:
    """Rewards length, and counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def score(self, conversations: Sequence[list[Message]]) -> list[float]:
        self.calls += 1
        return [float(len(turns[-1]["content"])) for turns in conversations]


def wanted(prompts: pl.DataFrame, samples: int) -> pl.DataFrame:
    return responses.wanted(prompts, samples=samples, temperatures=[1.0, 0.5], seed=7, job="j")


def answered(rows: pl.DataFrame) -> pl.DataFrame:
    return pl.concat(responses.answer(Backwards(rows.height), rows, PROMPTS, part=3))


def test_wanted_gives_each_response_its_own_seed_and_temperatures_in_turn() -> None:
    assert wanted(PROMPTS, 3).select(responses.ASKED).rows() == [
        (prompt_id, sample, row_seed(7, prompt_id, sample), temperature, "j")
        for prompt_id in ("b", "a")
        for sample, temperature in enumerate((1.0, 0.5, 1.0))
    ]


@pytest.mark.parametrize("samples", [2, 200])  # in one go, and in several
def test_answers_stand_beside_their_requests(samples: int) -> None:
    rows = answered(wanted(PROMPTS, samples))
    assert rows.height == 2 * samples
    contents = {"a": "Name a fish.", "b": "Name a bird."}
    for prompt_id, seed, temperature, response in rows.select(
        "prompt_id", "seed", "temperature", "response"
    ).iter_rows():
        assert response == f"{contents[prompt_id]} {seed} {temperature}"


def test_answers_that_are_owed() -> None:
    rows = wanted(PROMPTS, 2)
    with pytest.raises(EngineError, match="the engine answered 3 of 4 requests"):
        list(responses.answer(Backwards(3), rows, PROMPTS, part=4))


@pytest.mark.parametrize("error", [KeyboardInterrupt(), EngineError("out of memory")])
def test_what_was_answered_before_a_failure_comes_first(error: BaseException) -> None:
    found = responses.answer(Backwards(3, error), wanted(PROMPTS, 2), PROMPTS, part=2)
    assert [next(found).height, next(found).height] == [2, 1]
    with pytest.raises(type(error)):
        next(found)


def test_generations_rows() -> None:
    rows = answered(wanted(PROMPTS[:1], 2)).sort("sample")
    found = tables.check(responses.generations(rows, iteration=2), Generations, Path("generations"))
    seeds = [row_seed(7, "b", sample) for sample in range(2)]
    texts = [f"Name a bird. {seed} {temperature}" for seed, temperature in zip(seeds, (1.0, 0.5), strict=True)]
    assert found.rows() == [
        ("b", 0, 2, texts[0], len(texts[0]), 2, "stop", 1.0, seeds[0], "j"),
        ("b", 1, 2, texts[1], len(texts[1]), 2, "stop", 0.5, seeds[1], "j"),
    ]


def test_parts_hold_whole_prompts_in_order() -> None:
    rows = wanted(pl.DataFrame({"prompt_id": list("dcbae"), "prompt": [FISH] * 5}), 3)
    found = responses.parts(rows, prompts=2)
    assert {name: part["prompt_id"].to_list() for name, part in found.items()} == {
        "part-00000": list("dddccc"),
        "part-00001": list("bbbaaa"),
        "part-00002": list("eee"),
    }
    assert pl.concat(found.values()).equals(rows)


def test_prompts_are_joined_by_key() -> None:
    rows = pl.DataFrame(
        {"prompt_id": ["a", "b", "a"], "sample": [0, 0, 1], "response": ["A carp.", "A wren.", "An eel."]}
    )
    joined = responses.with_prompts(rows, PROMPTS)
    assert responses.conversations(joined, turn="response") == [
        [*FISH, {"role": "assistant", "content": "A carp."}],
        [*BIRD, {"role": "assistant", "content": "A wren."}],
        [*FISH, {"role": "assistant", "content": "An eel."}],
    ]
    with pytest.raises(TableError, match="2 of 3 responses answer a prompt that is not in the prompts table"):
        responses.with_prompts(rows, PROMPTS[:1])


def test_rewards_are_of_the_text_and_come_in_parts() -> None:
    rows = responses.to_judge(answered(wanted(PROMPTS, 2)), judge="reward", job="reward model")
    scorer = Lengths()
    judged = pl.concat(responses.judge(scorer, rows, PROMPTS, part_prompts=1))

    found = responses.generations(judged, iteration=2).select(Rewards.column_names())
    assert scorer.calls == 2
    assert tables.check(found, Rewards, Path("rewards"))["job"].unique().to_list() == ["reward model"]
    for response, response_id, reward in judged.select("response", "response_id", "reward").iter_rows():
        assert (response_id, reward) == (content_id(response), len(response))


@pytest.mark.parametrize("scores", [[float("nan"), 1.0, float("inf")], [float("nan"), 1.0, 1e39]])
def test_rewards_that_are_no_numbers_are_counted(scores: list[float]) -> None:
    rows = pl.DataFrame({"prompt_id": list("abc"), "sample": [0, 0, 0]})
    with pytest.raises(EngineError, match=r"NaN or infinity to 2 of 3 responses\n  train it again"):
        responses.with_rewards(rows, scores)
