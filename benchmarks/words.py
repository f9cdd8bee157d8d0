"""Words to make texts of a known length from."""

from __future__ import annotations

from typing import Any


def of_one_token(tokens: Any) -> list[str]:
    """Words of a byte-level tokenizer's vocabulary, each with the space before it; sorted."""
    return [word.replace("Ġ", " ") for word in sorted(tokens.get_vocab()) if word[:1] == "Ġ" and word[1:].isalpha()]
