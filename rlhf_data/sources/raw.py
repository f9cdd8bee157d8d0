"""The raw records of a source, from its files or from a hub, as its params say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rlhf_data.errors import SourceError
from rlhf_data.params.sources import FileSource, RecordSource
from rlhf_data.sources import hub, readers


def records(source: RecordSource, root: Path) -> Iterator[object]:
    """One at a time, in the source's order; `root` is the folder that its `path` starts from.

    Raises `SourceError` where the files or the hub cannot be read, or a file is not the one that was pinned.
    """
    by_us = isinstance(source, FileSource) and source.format == "labelled" and source.path
    if by_us and not (root / by_us).exists():
        raise SourceError(
            f"{root / by_us}: absent\n  `rlhf-data annotate` writes it, by the profile's section annotate"
        )
    return readers.pinned(root, source) if source.hub is None else hub.records(source)
