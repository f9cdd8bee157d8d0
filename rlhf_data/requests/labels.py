"""Noisy annotators, who label pairs of a model's own answers to requests."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any, NamedTuple

from rlhf_data.requests import gold
from rlhf_data.schemas import Message

TIE = 0.05  # of gold: answers closer than this are called a tie, which is no label


class Answer(NamedTuple):
    """One answer to a request, ended by itself or cut at the token limit."""

    response: str
    finished: bool


def labelled(
    prompt: list[Message], reference: str, answers: Sequence[Answer], *, sharpness: float, rng: Random
) -> Iterator[dict[str, Any]]:
    """Records of the format `labelled`: the first answer against the second, the third against the fourth, and so on.

    P(first is preferred) = σ(sharpness · (gold of the first − gold of the second)), as Bradley and Terry have it. Equal
    texts and ties give none.
    """
    request = gold.read(reference)
    for pair in zip(answers[::2], answers[1::2], strict=False):
        first, second = (gold.reward(one.response, request, finished=one.finished) for one in pair)
        draw = rng.random()  # whatever comes of it, so that a pair's label depends on no other pair's
        if pair[0].response.strip() == pair[1].response.strip() or abs(first - second) < TIE:
            continue
        probability = 1 / (1 + math.exp(-sharpness * (first - second)))
        sides = [(pair[0].response, first), (pair[1].response, second)]
        if draw >= probability:
            sides, probability = sides[::-1], 1 - probability
        (chosen, chosen_score), (rejected, rejected_score) = sides
        yield {
            "prompt": prompt,
            "chosen": chosen,
            "rejected": rejected,
            "chosen_score": chosen_score,
            "rejected_score": rejected_score,
            "label_probability": probability,
        }
