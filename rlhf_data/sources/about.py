"""Data set metadata as published: licence, citation, annotators, expected counts."""

from __future__ import annotations

from typing import NamedTuple


class Expected(NamedTuple):
    """Published size of a data set, None where unpublished; tokens are means over pairs (LLaMA-3-8B tokenizer)."""

    raw: int | None = None  # records of the split in use
    prompts: int | None = None
    pairs: int | None = None
    prompt_tokens: float | None = None
    chosen_tokens: float | None = None
    rejected_tokens: float | None = None


class About(NamedTuple):
    """Metadata of a data set, for licences, citations and the check against published counts."""

    title: str
    url: str
    licence: str  # an SPDX id where there is one
    non_commercial: bool
    citation: str
    responses: str  # who wrote the responses
    annotator: str  # who compared or scored them; empty if unlabelled
    expected: Expected = Expected()
