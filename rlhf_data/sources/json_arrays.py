"""Streaming reader for a JSON array, one item in memory at a time.

It uses Python's own decoder, so that an item parses as the same text in JSON lines does: lone surrogates, integers of
any size and NaN included. A record may hold each of these; the cleaning rules decide.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TextIO

BLOCK = 1 << 20  # characters per read
SPACE = re.compile(r"[ \t\n\r]*")
LONGEST_TOKEN = 16  # characters; a JSON token cut by a block is shorter, numbers aside


class ArrayError(ValueError):
    """Text that is not a JSON array; `read` is the number of whole items before the fault."""

    def __init__(self, read: int, fault: str) -> None:
        super().__init__(fault)
        self.read = read


def items(file: TextIO) -> Iterator[object]:
    """The items of a file that holds one JSON array; an empty file has none.

    Raises `ArrayError` where the text is not a JSON array.
    """
    text, read = _Text(file), 0
    if not text.following():
        return
    text.take("[", read)
    if text.following() == "]":
        text.at += 1
    while text.held[text.at - 1] != "]":
        yield text.value(read)
        read += 1
        text.take(",]", read)
    if text.following():
        raise ArrayError(read, "text follows the array")


class _Text:
    """A read buffer over a file: `held` is its text, `at` the position of the next unread character."""

    def __init__(self, file: TextIO) -> None:
        self._file, self._size = file, BLOCK
        self.held, self.at = "", 0

    def following(self) -> str:
        """The next character that is not white space; empty at the end of the file."""
        while True:
            space = SPACE.match(self.held, self.at)
            self.at = space.end() if space else self.at
            if self.at < len(self.held) or not self._grow():
                return self.held[self.at : self.at + 1]

    def take(self, marks: str, read: int) -> None:
        """Consumes one of the characters `marks`; raises `ArrayError` where another one follows."""
        if (character := self.following()) not in marks or not character:
            there = repr(self.held[self.at : self.at + 20]) if character else "its end"
            raise ArrayError(read, f"{there} stands where {' or '.join(marks)} must")
        self.at += 1

    def value(self, read: int) -> object:
        """Consumes one JSON value; raises `ArrayError` where there is none or it is truncated."""
        self.following()
        while True:
            fault = "it ends within a record"
            try:
                item, end = json.JSONDecoder().raw_decode(self.held, self.at)
            except json.JSONDecodeError as error:
                fault, end = error.msg, len(self.held)  # without its position, which is relative to the block
                cut = error.msg.startswith("Unterminated string") or error.pos > len(self.held) - LONGEST_TOKEN
                if not cut:
                    raise ArrayError(read, fault) from error
            except ValueError as error:  # a number of thousands of digits
                raise ArrayError(read, str(error)) from error
            if end < len(self.held):  # a value is complete only once another character follows it
                self.at, self._size = end, BLOCK
                return item
            if not self._grow():
                raise ArrayError(read, fault)

    def _grow(self) -> bool:
        block = self._file.read(self._size)
        self.held, self.at, self._size = self.held[self.at :] + block, 0, self._size * 2
        return bool(block)
