"""What a data set's publishers say of it: licence, citation, counts."""

from __future__ import annotations

from typing import NamedTuple


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
