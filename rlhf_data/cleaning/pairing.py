"""Comparisons of scored responses, one per record, as soon as two records answer the same prompt.

    record 3: "A carp.", 4.0    record 9: "A whale.", 1.5    →  one comparison, of row 3, once record 9 is there

Nothing but responses is held, and of a record that no comparison has used yet its text for the rejects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from rlhf_data.cleaning.validation import Place, Values, check_response
from rlhf_data.hashing import conversation_id
from rlhf_data.sources.records import BadRecord, Comparison, Response, compared


@dataclass
class Member:
    """One record; `refused` is why no comparison uses it, None once one does."""

    number: int
    response: Response
    raw: str
    refused: BadRecord | None = field(default_factory=lambda: BadRecord("no_pair", "no other response to its prompt"))

    def use(self) -> None:
        """Marks the record as one that is in a comparison."""
        self.raw, self.refused = "", None


class Groups:
    """The responses so far, by prompt."""

    def __init__(self) -> None:
        self._members: dict[str, list[Member]] = {}

    def paired(
        self, response: Response, raw: str, place: Place, make: Callable[[Comparison, Place], Values]
    ) -> list[Values]:
        """The new rows that `make` gives for the response and each earlier one; raises `BadRecord` for a bad response.

        A row comes from the record of its chosen response.
        """
        check_response(response)
        group = self._members.setdefault(conversation_id(response.prompt), [])
        if group:
            response = response._replace(prompt=group[0].response.prompt)
        new = Member(place.number, response, raw)
        made: list[Values] = []
        for other in group:
            better = new if response.score > other.response.score else other
            try:
                comparison = compared(other.response, response)
                made.append(make(comparison, place._replace(number=better.number)) | {"row": better.number})
            except BadRecord as bad:
                for member in (new, other):
                    member.refused = member.refused and bad
            else:
                new.use()
                other.use()
        group.append(new)
        return made

    def unused(self) -> Iterator[tuple[int, BadRecord, str]]:
        """The number, the fault and the text of each record that no comparison uses."""
        for group in self._members.values():
            for member in group:
                if member.refused:
                    yield member.number, member.refused, member.raw
