"""Protocols of generators, scorers and judges, whichever library runs them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple, Protocol

from rlhf_data.schemas import Message


class Request(NamedTuple):
    """A request for one completion of `prompt`, sampled at `temperature` with `seed`."""

    prompt: list[Message]
    seed: int
    temperature: float


class Completion(NamedTuple):
    """A completion; `finish_reason` is `length` where it was cut at the token limit."""

    text: str
    tokens: int
    finish_reason: Literal["stop", "length"]


class ResponsePair(NamedTuple):
    """Two responses to `prompt`, in the order in which a judge is shown them."""

    prompt: list[Message]
    first: str
    second: str


class Generator(Protocol):
    """A policy that completes prompts."""

    def generate(self, requests: Iterable[Request]) -> Iterator[tuple[int, Completion]]:
        """Each request's position and its completion, in whatever order they are ready.

        Requests are consumed lazily, so memory does not grow with their number.

        Raises `PromptError` when a prompt and a whole response would not fit the context.
        """


class Scorer(Protocol):
    """A reward model."""

    def score(self, conversations: Sequence[list[Message]]) -> list[float]:
        """The reward of each conversation's last turn, in the order given; may be NaN.

        Responses to the same prompt are best given in one call: the prompt is computed once for them.
        """


class Judge(Protocol):
    """Says which of two responses is better: a reward model, a pairwise preference model or an LLM judge."""

    def prefer(self, comparisons: Sequence[ResponsePair]) -> list[float]:
        """P(first is better) of each comparison, as it is shown, in the order given; NaN where there is no verdict.

        Comparisons to the same prompt are best given in one call.
        """
