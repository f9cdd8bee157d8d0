"""What one raw record of a source becomes, how a source says that a record is bad, and what a data set is."""

from __future__ import annotations

from typing import NamedTuple

from rlhf_data.schemas import Message


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


class BadRecord(ValueError):  # noqa: N818  # the record is at fault, not the program
    """A record that a source drops: `rule` names why in snake_case, `detail` says what was found."""

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(f"{rule}: {detail}")
        self.rule = rule
        self.detail = detail


class Expected(NamedTuple):
    """What a data set should come to, where a publication says so; tokens are means over pairs (LLaMA-3-8B's)."""

    raw: int | None = None  # records of the split that is used
    prompts: int | None = None
    pairs: int | None = None
    prompt_tokens: float | None = None
    chosen_tokens: float | None = None
    rejected_tokens: float | None = None


class About(NamedTuple):
    """A data set as its publishers describe it: for licences, citations and acceptance checks."""

    title: str
    url: str
    licence: str  # an SPDX id where there is one
    non_commercial: bool
    citation: str
    responses: str  # who wrote them
    annotator: str  # who compared or scored them; empty where nobody did
    expected: Expected = Expected()


def compared(first: Response, second: Response) -> Comparison:
    """The comparison of two responses to the same prompt; raises `BadRecord` for a tie."""
    if first.score == second.score:
        raise BadRecord("tie", f"both responses score {first.score}")
    chosen, rejected = (first, second) if first.score > second.score else (second, first)
    return Comparison(chosen.prompt, chosen.response, rejected.response, chosen.score, rejected.score, chosen.annotator)
