"""Geometry of the chart of reward by length: bins, ticks and marks, in units of its view box."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

COLUMNS, LINES = 44, 22
WIDTH, HEIGHT = 440, 240
LEFT, TOP, RIGHT, BOTTOM = 40, 8, 8, 34  # margins; the axes' labels stand in them
BIN_WIDTH, BIN_HEIGHT = (WIDTH - LEFT - RIGHT) / COLUMNS, (HEIGHT - TOP - BOTTOM) / LINES
FAINTEST = 0.18  # opacity of a bin with one response
TICKS = 6  # of an axis, at most


class Spans(NamedTuple):
    """What the axes reach over: characters, by their logarithm, and reward."""

    chars_from: float
    chars_to: float
    reward_from: float
    reward_to: float

    def x(self, chars: float) -> float:
        """Pixels from the left of a length in characters, on a logarithmic axis."""
        part = math.log(max(chars, 1) / self.chars_from) / math.log(self.chars_to / self.chars_from)
        return LEFT + part * (WIDTH - LEFT - RIGHT)

    def y(self, reward: float) -> float:
        """Pixels from the top of a reward."""
        part = (reward - self.reward_from) / (self.reward_to - self.reward_from)
        return HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM)


class Bin(NamedTuple):
    """A rectangle, and the responses in it."""

    x: float
    y: float
    responses: int
    matching: int
    opacity: float


class Tick(NamedTuple):
    """A number on an axis."""

    place: float
    value: float


def spans(part: Mapping[str, Any]) -> Spans | None:
    """The axes of a row of parts.sql; none where no response has a reward."""
    if part["reward_from"] is None:
        return None
    low, high = math.floor(part["reward_from"] * 100) / 100, math.ceil(part["reward_to"] * 100) / 100
    shortest = max(part["chars_from"], 1)
    return Spans(shortest, max(part["chars_to"], shortest) + 1, low, high if high > low else low + 1)


def bins(counts: Iterable[Mapping[str, Any]]) -> list[Bin]:
    """The rectangles of the rows of bins.sql, darker where there are more responses."""
    found = list(counts)
    most = max((row["responses"] for row in found), default=1)
    return [
        Bin(
            x=round(LEFT + row["across"] * BIN_WIDTH, 2),
            y=round(HEIGHT - BOTTOM - (row["up"] + 1) * BIN_HEIGHT, 2),
            responses=row["responses"],
            matching=row["matching"],
            opacity=round(
                FAINTEST + (1 - FAINTEST) * math.log1p(row["matching"] or row["responses"]) / math.log1p(most), 2
            ),
        )
        for row in found
    ]


def chars_ticks(over: Spans) -> list[Tick]:
    """1, 2 and 5 of each power of ten; fewer where they would be too many."""
    powers = range(int(math.log10(over.chars_from)), int(math.log10(over.chars_to)) + 1)
    for steps in ((1, 2, 5), (1, 3), (1,)):
        values = [step * 10**power for power in powers for step in steps]
        within = [value for value in values if over.chars_from <= value <= over.chars_to]
        if len(within) <= TICKS:
            break
    return [Tick(round(over.x(value), 2), value) for value in within]


def reward_ticks(over: Spans) -> list[Tick]:
    """Multiples of 1, 2 or 5 times a power of ten."""
    least = (over.reward_to - over.reward_from) / TICKS
    power = 10 ** math.floor(math.log10(least))
    step = next(times * power for times in (1, 2, 5, 10) if times * power >= least)
    first, last = math.ceil(over.reward_from / step), math.floor(over.reward_to / step)
    return [Tick(round(over.y(n * step), 2), round(n * step, 6)) for n in range(first, last + 1)]
