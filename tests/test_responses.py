"""Requests and answers given literally, and the rows that they become."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl
import pytest

from rlhf_data import responses, tables
from rlhf_data.engines import Request, Response
from rlhf_data.errors import EngineError, TableError
from rlhf_data.ids import row_seed
from rlhf_data.schemas import Generations, Message, Rewards

FISH: list[Message] = [{"role": "user", "content": "Name a fish."}]
BIRD: list[Message] = [{"role": "user", "content": "Name a bird."}]
PROMPTS = pl.DataFrame({"prompt_id": ["b", "a"], "prompt": [BIRD, FISH], "source": "zoo"})


class Backwards:
    """Answers the last request first, and says which prompt and seed it saw; stops after `most` answers."""

    def __init__(self, most: int) -> None:
        self.most = most

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[int, Response]]:
        for place in reversed(range(len(requests))[-self.most :]):
            prompt, seed = requests[place]
            yield place, Response(f"{prompt[0]['content']} {seed}", 2, "stop")


def test_wanted_gives_each_response_its_own_seed() -> None:
    assert responses.wanted(PROMPTS, samples=2, seed=7).rows() == [
        ("b", BIRD, 0, row_seed(7, "b", 0)),
        ("b", BIRD, 1, row_seed(7, "b", 1)),
        ("a", FISH, 0, row_seed(7, "a", 0)),
        ("a", FISH, 1, row_seed(7, "a", 1)),
    ]


def test_answers_stand_beside_their_requests() -> None:
    rows = responses.wanted(PROMPTS, samples=2, seed=7)
    answered = responses.with_responses(rows, responses.collect(Backwards(4), rows))
    assert answered["response"].to_list() == [
        f"{prompt[0]['content']} {seed}" for prompt, seed in rows.select("prompt", "seed").iter_rows()
    ]


def test_answers_that_are_owed() -> None:
    rows = responses.wanted(PROMPTS, samples=2, seed=7)
    with pytest.raises(EngineError, match="the engine answered 3 of 4 requests"):
        responses.collect(Backwards(3), rows)


def test_generations_rows() -> None:
    rows = responses.wanted(PROMPTS[:1], samples=2, seed=7)
    answered = responses.with_responses(rows, [Response("Ein Zeisig. é", 6, "stop"), Response("", 1, "length")])
    found = responses.generations(answered, iteration=2, temperature=0.5, job="j")
    assert tables.check(found, Generations, Path("generations")).rows() == [
        ("b", 0, 2, "Ein Zeisig. é", 13, 6, "stop", 0.5, row_seed(7, "b", 0), "j"),
        ("b", 1, 2, "", 0, 1, "length", 0.5, row_seed(7, "b", 1), "j"),
    ]


def test_parts_hold_whole_prompts_in_order() -> None:
    prompts = pl.DataFrame({"prompt_id": list("dcbae"), "prompt": [FISH] * 5})
    rows = responses.wanted(prompts, samples=3, seed=0)
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


def test_rewards_rows() -> None:
    rows = pl.DataFrame({"prompt_id": ["a", "b"], "sample": [0, 1], "iteration": [2, 2]})
    scored = responses.with_rewards(rows, [1.5, -0.25], job="j")
    assert tables.check(scored, Rewards, Path("rewards")).rows() == [("a", 0, 2, 1.5, "j"), ("b", 1, 2, -0.25, "j")]


@pytest.mark.parametrize("scores", [[float("nan"), 1.0, float("inf")], [float("nan"), 1.0, 1e39]])
def test_rewards_that_are_no_numbers_are_counted(scores: list[float]) -> None:
    rows = pl.DataFrame({"prompt_id": list("abc"), "sample": [0, 0, 0]})
    with pytest.raises(EngineError, match=r"NaN or infinity to 2 of 3 responses\n  train it again"):
        responses.with_rewards(rows, scores, job="j")
