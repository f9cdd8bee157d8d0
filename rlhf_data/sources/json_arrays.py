"""A JSON array, of which one item is in memory at a time.

By Python's own decoder, so that an item is what the same text in JSON lines is: a lone surrogate, an integer of any
size and NaN included, each of which a record may hold and a rule then judge.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TextIO

BLOCK = 1 << 20  # characters that are read at once
SPACE = re.compile(r"[ \t\n\r]*")
LONGEST = 1 << 24  # characters of an item
LONGEST_TOKEN = 16  # characters: no number aside, a token that a block cuts is shorter


class ArrayError(ValueError):
    """Text that is no JSON array, after so many whole items (`read`)."""

    def __init__(self, read: int, fault: str) -> None:
        super().__init__(fault)
        self.read = read


def items(file: TextIO) -> Iterator[object]:
    """The items of the array that is a file's only content; an empty file has none.

    Raises `ArrayError` where it is not JSON.
    """
    text, read = _Text(file), 0
    if not text.following():
        return
    mark = text.take("[", read)
    if text.following() == "]":
        mark = text.take("]", read)
    while mark != "]":
        yield text.value(read)
        read += 1
        mark = text.take(",]", read)
    if text.following():
        raise ArrayError(read, "text follows the array")


class _Text:
    """What is held of a file; `at` is how much of that is used up."""

    def __init__(self, file: TextIO) -> None:
        self._file, self._size = file, BLOCK
        self.held, self.at = "", 0

    def following(self) -> str:
        """The next character that is no white space; none at the end."""
        while True:
            space = SPACE.match(self.held, self.at)
            self.at = space.end() if space else self.at
            if self.at < len(self.held) or not self._grow():
                return self.held[self.at : self.at + 1]

    def take(self, marks: str, read: int) -> str:
        """Uses up one of the marks, and returns it; raises `ArrayError` where another character follows."""
        if (found := self.following()) not in marks or not found:
            there = repr(self.held[self.at : self.at + 20]) if found else "its end"
            raise ArrayError(read, f"{there} stands where {' or '.join(marks)} must")
        self.at += 1
        return found

    def value(self, read: int) -> object:
        """Uses up one value; raises `ArrayError` where there is none, or it is cut short."""
        self.following()
        while True:
            fault = "it ends within a record"
            try:
                found, end = json.JSONDecoder().raw_decode(self.held, self.at)
            except json.JSONDecodeError as error:
                fault, end = error.msg, len(self.held)  # its place is that in a block
                cut = error.msg.startswith("Unterminated string") or error.pos > len(self.held) - LONGEST_TOKEN
                if not cut:
                    raise ArrayError(read, fault) from error
            except ValueError as error:  # a number of thousands of digits
                raise ArrayError(read, str(error)) from error
            if end < len(self.held):  # what follows a value tells that it is whole
                self.at, self._size = end, BLOCK
                return found
            if len(self.held) - self.at > LONGEST:
                raise ArrayError(read, f"a record is longer than {LONGEST >> 20} Mi characters")
            if not self._grow():
                raise ArrayError(read, fault)

    def _grow(self) -> bool:
        block = self._file.read(self._size)
        self.held, self.at, self._size = self.held[self.at :] + block, 0, self._size * 2
        return bool(block)
