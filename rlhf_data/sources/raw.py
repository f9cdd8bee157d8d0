"""Raw records of a source, from its files or from the Hugging Face hub, as its params say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rlhf_data.params.sources import RecordSource
from rlhf_data.sources import hub, readers


def records(source: RecordSource, root: Path) -> Iterator[object]:
    """The source's records, one at a time, in order; its `path` is relative to `root`.

    Raises `SourceError` where the files or the hub cannot be read, or a file's hash differs from its pin.
    """
    return readers.pinned(root, source) if source.hub is None else hub.records(source)
