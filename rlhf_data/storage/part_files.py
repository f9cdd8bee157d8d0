"""The part files of a table that is a folder."""

from __future__ import annotations

from pathlib import Path

PATTERN = "[!.]*.parquet"  # what systems put beside files (`._part.parquet`) is none


def of(folder: Path) -> list[Path]:
    """The parts of a table, in order."""
    return sorted(folder.glob(PATTERN))
