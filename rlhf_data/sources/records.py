"""What a format parses from a record: comparisons, conversations, prompts, responses; `BadRecord` otherwise."""

from __future__ import annotations

from typing import NamedTuple

from rlhf_data.schemas import Message


class Comparison(NamedTuple):
    """Two responses (final turns) to one prompt, and which of them is preferred."""

    prompt: list[Message]
    chosen: str
    rejected: str
    chosen_score: float | None = None
    rejected_score: float | None = None
    annotator: str = "human"
    label_probability: float | None = None  # P(chosen ≻ rejected) under the annotators' model, where it is known


class Conversation(NamedTuple):
    """One SFT conversation: alternating user and assistant turns, after an optional system message."""

    messages: list[Message]


class Prompt(NamedTuple):
    """One prompt; `reference` is the answer key for a gold reward, as JSON text, if there is one."""

    prompt: list[Message]
    reference: str | None = None


class Response(NamedTuple):
    """One scored response to a prompt, in a data set with one response per record; ingest pairs those to one prompt."""

    prompt: list[Message]
    response: str
    score: float
    annotator: str = "human"


Row = Comparison | Conversation | Prompt | Response


class BadRecord(ValueError):  # noqa: N818  # the record is at fault, not the program
    """A record to drop: `rule` is the reason in snake_case, `detail` the offending value."""

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(f"{rule}: {detail}")
        self.rule = rule
        self.detail = detail


def compared(first: Response, second: Response) -> Comparison:
    """The comparison of two scored responses to the same prompt; raises `BadRecord` for a tie."""
    if first.score == second.score:
        raise BadRecord("tie", f"both responses score {first.score}")
    chosen, rejected = (first, second) if first.score > second.score else (second, first)
    return Comparison(chosen.prompt, chosen.response, rejected.response, chosen.score, rejected.score, chosen.annotator)
