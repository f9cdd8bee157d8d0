"""What an answer to a request is really worth.

    gold = kept / asked − 0.002·max(0, |a| − 200) − repetition − 0.5·[never ended] − 0.5·[hardly any words]

`kept` of the `asked` constraints, one of which every request has: the answer names its topic. |a| characters;
`repetition` is the share of the answer's runs of three words that it has had before.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from rlhf_data.errors import TableError
from rlhf_data.requests.constraints import KINDS, LEAST_WORDS, Constraint, has, words

FREE_CHARS = 200
PER_CHAR = 0.002
RUN = 3  # words
TOPIC = "topic"  # the constraint that every request has


class Request(NamedTuple):
    """What a request asks of an answer."""

    topic: str  # the word that names it
    constraints: tuple[Constraint, ...]

    def kept(self, response: str) -> dict[str, bool]:
        """Whether a response keeps each of the constraints, by kind."""
        return {TOPIC: has(response, self.topic), **{one.kind: one.kept(response) for one in self.constraints}}

    def written(self) -> dict[str, object]:
        """As a prompt's `reference` holds it."""
        return {"topic": self.topic, "constraints": [list(one) for one in self.constraints]}


def read(reference: str) -> Request:
    """The request of a prompt's `reference` (JSON); raises `TableError` where it is none."""
    try:
        known = json.loads(reference)
        found = Request(str(known["topic"]), tuple(Constraint(str(kind), str(of)) for kind, of in known["constraints"]))
    except (ValueError, KeyError, TypeError) as error:
        raise TableError(f"no request's reference: {reference[:80]}") from error
    if unknown := {one.kind for one in found.constraints} - set(KINDS):
        raise TableError(f"unknown kinds of constraints: {', '.join(sorted(unknown))}")
    return found


def reward(response: str, request: Request, *, finished: bool = True) -> float:
    """The gold reward of a response to a request."""
    kept, said = request.kept(response), words(response)
    return (
        sum(kept.values()) / len(kept)
        - PER_CHAR * max(0, len(response) - FREE_CHARS)
        - repetition(said)
        - 0.5 * (not finished)
        - 0.5 * (len(said) < LEAST_WORDS)
    )


def repetition(said: Sequence[str]) -> float:
    """The share of the runs of three words, in any case, that came before; 0 where there are none."""
    lower = [word.lower() for word in said]
    runs = [tuple(lower[place : place + RUN]) for place in range(len(lower) - RUN + 1)]
    return 1 - len(set(runs)) / len(runs) if runs else 0.0


def of(reference: str | None, response: str, *, finished: bool) -> float | None:
    """The gold reward where a prompt's `reference` lets it be known, else None."""
    return None if reference is None else reward(response, read(reference), finished=finished)
