"""What the expensive engines promise, whichever library does the work."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple, Protocol

from rlhf_data.schemas import Message


class Request(NamedTuple):
    """One response wanted: to `prompt`, drawn at `temperature` with `seed` and nothing else."""

    prompt: list[Message]
    seed: int
    temperature: float


class Response(NamedTuple):
    """What the policy wrote; `length` where it was cut at the token limit before it ended its turn."""

    text: str
    tokens: int
    finish_reason: Literal["stop", "length"]


class Comparison(NamedTuple):
    """Two responses to `prompt`, in the order in which a judge is shown them."""

    prompt: list[Message]
    first: str
    second: str


class Generator(Protocol):
    """A policy that answers."""

    def generate(self, requests: Iterable[Request]) -> Iterator[tuple[int, Response]]:
        """Each request's place and its response, in whatever order they are ready.

        Requests are taken as there is room for them, so that memory does not grow with their number.

        Raises `PromptError` when a prompt and a whole response would not fit the context.
        """


class Scorer(Protocol):
    """A reward model."""

    def score(self, conversations: Sequence[list[Message]]) -> list[float]:
        """The reward of each conversation's last turn, in the order given; may be NaN.

        Responses to the same prompt are best given in one call: the prompt is computed once for them.
        """


class Judge(Protocol):
    """Says which of two responses is better: a reward model, a pairwise preference model or a prompted model."""

    def prefer(self, comparisons: Sequence[Comparison]) -> list[float]:
        """P(first is better) of each comparison, as it is shown, in the order given; NaN where there is no verdict.

        Comparisons to the same prompt are best given in one call.
        """
