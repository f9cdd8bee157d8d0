"""A reader's choices as query parameters of the address, so that every view can be bookmarked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, NonNegativeInt, PositiveInt, ValidationError

from rlhf_data.errors import ParamsError

Order = Literal[
    "hash", "widest margin", "narrowest margin", "widest spread", "highest reward", "lowest reward", "longest"
]
ORDERS: tuple[str, ...] = get_args(Order)


class Choices(BaseModel):
    """One view of the data; a range's null end is open."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: str | None = None  # a revision of Git; null for the workspace
    against: str | None = None  # a second revision, to compare with
    part: str | None = None  # an iteration, `dev` or `test`; null for the first
    source: str | None = None
    words: str | None = None  # that the prompt contains, whatever their case
    chars_low: NonNegativeInt | None = None
    chars_high: NonNegativeInt | None = None
    reward_low: FiniteFloat | None = None
    reward_high: FiniteFloat | None = None
    margin_low: FiniteFloat | None = None
    margin_high: FiniteFloat | None = None
    order: Order = "hash"
    page: PositiveInt = Field(default=1, le=1_000_000)
    prompt: str | None = None  # a prompt_id; null for the first that matches
    left: str | None = None  # answers to compare: samples, or policies; null for the pair's
    right: str | None = None

    def address(self, **changes: object) -> str:
        """The address of this view with some choices changed, from another of the page's."""
        said = {**self.model_dump(), **changes}
        return "./?" + urlencode({name: value for name, value in said.items() if value != DEFAULTS[name]})

    def ranges(self) -> dict[str, object]:
        """The parameters that queries filter by."""
        return self.model_dump(exclude={"at", "against", "order", "page", "prompt", "left", "right"})


DEFAULTS = Choices().model_dump()
RANGES = ("chars_low", "chars_high", "reward_low", "reward_high", "margin_low", "margin_high")


def parsed(query: Mapping[str, str]) -> Choices:
    """What an address asks for; an empty field is no choice. Raises `ParamsError` where it cannot be meant."""
    try:
        return Choices.model_validate({name: value.strip() for name, value in query.items() if value.strip()})
    except ValidationError as error:
        first = error.errors()[0]
        raise ParamsError(f"{first['loc'][0]}: {first['msg'].lower()}; {first['input']!r} was given") from error
