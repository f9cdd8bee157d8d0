r"""What is printed: words of models and strangers cannot steer the terminal, nor turn a line round.

"A <ESC>[2J carp" → "A \\x1b[2J carp"
"""

from __future__ import annotations

import shutil
import sys
import unicodedata
from typing import Any, TextIO

KEPT = frozenset("\n\t")
# U+2028 and the like end a line, Cf turns text round or hides it; joiners are part of scripts and of emoji
JOINERS = frozenset("\u200c\u200d")


def columns() -> int:
    """How wide a table may be: the terminal's columns, or so many as a log bears where there is none."""
    return shutil.get_terminal_size(fallback=(160, 24)).columns


def clean(text: str, *, keep: frozenset[str] = KEPT) -> str:
    """The text with its control, format and bidi characters as escapes, but for those of `keep`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(one if _harmless(one) or one in keep else _escape(one) for one in text)


def guard() -> None:
    """From here on everything that this process prints is clean; progress bars keep their carriage return."""
    sys.stdout = _Clean(sys.stdout, KEPT)
    sys.stderr = _Clean(sys.stderr, KEPT | {"\r"})


class _Clean:
    """A text stream that writes what `clean` leaves; all else is the stream's own."""

    def __init__(self, stream: TextIO, keep: frozenset[str]) -> None:
        self._stream, self._keep = stream, keep

    def write(self, text: str) -> int:
        """Writes the text, cleaned."""
        self._stream.write(clean(text, keep=self._keep))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Writes each line, cleaned."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _harmless(one: str) -> bool:
    return unicodedata.category(one) not in ("Cc", "Cf", "Zl", "Zp", "Cs") or one in JOINERS


def _escape(one: str) -> str:
    number = ord(one)
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}" if number < 2**16 else f"\\U{number:08x}"
