"""Sections of what is told of a run: `report`, `length_bias`, `hacking`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from rlhf_data.params.fields import Positive, section


@section
class ReportParams:
    """How the best policy is chosen and shown."""

    select_by: Literal["gold_reward", "reward"]  # what the dev shard chooses the best policy by
    resamples: Positive  # of the bootstrap
    examples: Positive  # prompts shown on the page


@section
class LengthBiasParams:
    """How finely the length reports look."""

    length_bins: Positive  # of about as many prompts (heatmap) or responses (curve) each
    correlation_bins: Positive  # of −1 to 1
    penalty_low: Annotated[float, Field(ge=0)]  # λ of the sweep, reward per character
    penalty_high: Annotated[float, Field(ge=0)]
    penalties: Annotated[int, Field(ge=2)]  # that are tried, both ends included


@section
class HackingParams:
    """What the report on reward hacking counts in a text."""

    repetition_words: Positive  # n of the n-grams whose repetition within a response is counted
    # phrases, in any case, any of which makes a response a refusal
    refusals: Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)]
