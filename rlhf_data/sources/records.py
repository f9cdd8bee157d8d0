"""What one raw record of a source becomes, and how a source says that a record is bad."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from typing import NamedTuple, TypeVar

from rlhf_data.schemas import Message

Item = TypeVar("Item")
Made = TypeVar("Made")


class Comparison(NamedTuple):
    """Two final turns to one prompt, the preferred one first."""

    prompt: list[Message]
    chosen: str
    rejected: str
    chosen_score: float | None = None
    rejected_score: float | None = None
    annotator: str = "human"
    label_probability: float | None = None  # of this label, where the annotators are known


class Conversation(NamedTuple):
    """One SFT conversation: user and assistant in turn, an optional system message first."""

    messages: list[Message]


class Prompt(NamedTuple):
    """One prompt; `reference` is JSON text that a gold reward needs, if there is one."""

    prompt: list[Message]
    reference: str | None = None


class Response(NamedTuple):
    """One scored response to a prompt, in a data set that has a record for each: pairs need several records."""

    prompt: list[Message]
    response: str
    score: float
    annotator: str = "human"


Row = Comparison | Conversation | Prompt | Response


def texts(row: Row) -> list[str]:
    """All that a row says: the contents of its messages, and its responses."""
    if isinstance(row, Conversation):
        return [turn["content"] for turn in row.messages]
    said = [turn["content"] for turn in row.prompt]
    if isinstance(row, Comparison):
        return [*said, row.chosen, row.rejected]
    return [*said, row.response] if isinstance(row, Response) else said


class BadRecord(ValueError):  # noqa: N818  # the record is at fault, not the program
    """A record that a source drops: `rule` names why in snake_case, `detail` says what was found."""

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(f"{rule}: {detail}")
        self.rule = rule
        self.detail = detail


def compared(first: Response, second: Response) -> Comparison:
    """The comparison of two responses to the same prompt; raises `BadRecord` for a tie."""
    if first.score == second.score:
        raise BadRecord("tie", f"both responses score {first.score}")
    chosen, rejected = (first, second) if first.score > second.score else (second, first)
    return Comparison(chosen.prompt, chosen.response, rejected.response, chosen.score, rejected.score, chosen.annotator)


def all_pairs(responses: Sequence[Response]) -> list[Comparison]:
    """Every two responses with unequal scores, the higher one preferred; raises `BadRecord` where there are none."""
    if len(responses) < 2:
        raise BadRecord("no_pair", f"{len(responses)} rated response(s)")
    return usable(lambda pair: compared(*pair), combinations(responses, 2))


def usable(make: Callable[[Item], Made], found: Iterable[Item]) -> list[Made]:
    """What `make` gives for each item that it does not refuse; where it refuses all, its first `BadRecord`."""
    made: list[Made] = []
    refused: list[BadRecord] = []
    for item in found:
        try:
            made.append(make(item))
        except BadRecord as bad:
            refused.append(bad)
    if refused and not made:
        raise refused[0]
    return made
