"""Sources whose records are drawn, from no file: the embedded world, and everyday requests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rlhf_data.params.sources import Drawn, WorldSource
from rlhf_data.requests import records as requests
from rlhf_data.world import records as world


def records(source: Drawn, seed: int) -> Iterator[dict[str, Any]]:
    """The records of a drawn source, decided by `seed`."""
    if isinstance(source, WorldSource):
        return world.records(source.kind, source.rows, seed)
    return requests.prompts(source.rows, source.topics, seed)
