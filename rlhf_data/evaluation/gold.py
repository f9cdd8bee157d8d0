"""Gold rewards: what a response is really worth, where the format of its prompt's source lets that be computed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from rlhf_data.params.sources import Source

FORMATS = ("world", "requests")  # of sources whose prompts have a gold reward


class Gold(Protocol):
    """A gold reward, of one format."""

    def __call__(self, reference: str | None, response: str, *, finished: bool) -> float | None:
        """The reward of a response, ended by itself or not; None where the prompt's `reference` does not tell it."""


def by_source(sources: Mapping[str, Source]) -> dict[str, Gold]:
    """The gold reward of each source that has one, by the source's name."""
    from rlhf_data.requests import gold as requests
    from rlhf_data.world import gold as world

    golds: dict[str, Gold] = {"world": world.of, "requests": requests.of}
    return {name: golds[source.format] for name, source in sources.items() if source.format in FORMATS}
