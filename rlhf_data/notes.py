"""What a stage tells of its rows: at once, or held until it ends, to stand in one line with how long it took."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

_HELD: list[list[str]] = []


def say(note: str) -> None:
    """Prints a note, or adds it to those that are held."""
    if _HELD:
        _HELD[-1].append(note)
    else:
        print(note, flush=True)


@contextmanager
def held() -> Iterator[list[str]]:
    """Holds the notes of this block, in the list that it gives; where the block fails, they are printed."""
    _HELD.append(found := list[str]())
    try:
        yield found
    except BaseException:
        print(*found, sep="\n", end="\n" if found else "", flush=True)
        raise
    finally:
        _HELD.pop()
