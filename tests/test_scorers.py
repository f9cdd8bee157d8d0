"""A real one-layer reward model: a score depends on its own conversation, not on the batch it was in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rlhf_data import models, scorers
from rlhf_data.engines import Scorer
from rlhf_data.schemas import Message
from rlhf_data.sections import Params

ANSWERS = ["5 minus 1 is 4.", "", "I am not sure about that. " * 6, "A frog lives in the pond.", "4", "4"]


def conversation(answer: str) -> list[Message]:
    return [{"role": "user", "content": "What is 5 minus 1?"}, {"role": "assistant", "content": answer}]


CONVERSATIONS = [conversation(answer) for answer in ANSWERS]


def scorer(reward: Path, tiny: Params, *, batch_tokens: int, max_length: int = 128) -> Scorer:
    return scorers.open_scorer(reward, replace(tiny.score, batch_tokens=batch_tokens), max_length=max_length)


@pytest.mark.parametrize("batch_tokens", [1, 60, 8192])
def test_batches_decide_nothing(reward_dir: Path, tiny: Params, batch_tokens: int) -> None:
    one_by_one = [
        score for turns in CONVERSATIONS for score in scorer(reward_dir, tiny, batch_tokens=8192).score([turns])
    ]
    assert scorer(reward_dir, tiny, batch_tokens=batch_tokens).score(CONVERSATIONS) == pytest.approx(
        one_by_one, abs=1e-4
    )
    assert len({round(score, 4) for score in one_by_one}) == 5  # only the last two say the same


def test_scores_are_the_models_own(reward_dir: Path, tiny: Params) -> None:
    import torch

    tokens, model = models.tokenizer(reward_dir), models.reward(reward_dir, precision="fp32")
    expected = []
    for turns in CONVERSATIONS:
        ids = tokens(tokens.apply_chat_template(turns, tokenize=False), add_special_tokens=False)["input_ids"]
        with torch.inference_mode():
            expected.append(model(torch.tensor([ids])).logits.item())
    assert scorer(reward_dir, tiny, batch_tokens=8192).score(CONVERSATIONS) == pytest.approx(expected, abs=1e-4)


def test_no_conversations(reward_dir: Path, tiny: Params) -> None:
    assert scorer(reward_dir, tiny, batch_tokens=60).score([]) == []


def test_long_conversations_lose_their_beginning(reward_dir: Path, tiny: Params) -> None:
    engine = scorer(reward_dir, tiny, batch_tokens=8192, max_length=8)
    other: list[Message] = [{"role": "user", "content": "How can I fix a car?"}]
    same, different = "I am not sure about that. " * 6, "5 minus 1 is 4. " * 6
    start, elsewhere, other_end = engine.score(
        [conversation(same), [*other, *conversation(same)[1:]], conversation(different)]
    )
    assert start == elsewhere
    assert start != pytest.approx(other_end, abs=1e-4)


@pytest.mark.parametrize(
    ("lengths", "batch_tokens", "expected"),
    [
        ([3, 1, 2], 6, [[1, 2], [0]]),
        ([3, 1, 2], 9, [[1, 2, 0]]),
        ([3, 1, 2], 8, [[1, 2], [0]]),
        ([2, 2, 2, 2], 4, [[0, 1], [2, 3]]),
        ([9, 1, 9], 5, [[1], [0], [2]]),  # one that is too long for a batch has its own
        ([], 5, []),
    ],
)
def test_batches(lengths: list[int], batch_tokens: int, expected: list[list[int]]) -> None:
    assert list(scorers.batches(lengths, batch_tokens)) == expected


def test_batches_lose_nothing() -> None:
    lengths = [(17 * n) % 50 + 1 for n in range(200)]
    found = list(scorers.batches(lengths, 120))
    assert sorted(place for batch in found for place in batch) == list(range(200))
    assert all(len(batch) * max(lengths[place] for place in batch) <= 120 for batch in found)
