r"""Text normalisation: the words by which two texts are the same, without case, spacing and punctuation.

    "  What is 5 − 3,\n REALLY? "  →  ["what", "is", "5", "−", "3", "really"]

Signs that calculate or mark up are words: "5 - 3" does not say what "5 + 3" does. Chinese and Japanese, which put no
spaces between words, give one word a character.
"""

from __future__ import annotations

import re
import unicodedata

UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
WORD = re.compile(rf"[{UNSPACED}]|[^\W_{UNSPACED}]+|[-+*/%=<>^&|~#@$\\−×÷≠≤≥±√]")


def words(text: str) -> list[str]:
    """The words of a text, in order; a text without any is one word, itself."""
    return WORD.findall(unicodedata.normalize("NFKC", text).casefold()) or [text]


def ngrams(found: list[str], n: int) -> set[str]:
    """The runs of `n` words; of fewer words there is one run, all of them."""
    if len(found) <= n:
        return {" ".join(found)}
    return set(map(" ".join, zip(*(found[start:] for start in range(n)), strict=False)))
