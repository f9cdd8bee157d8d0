"""Content hashes: the same on every machine and with every version of polars."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from rlhf_data.schemas import Message

HEX_DIGITS = 32  # 128 bits: no collision is to be met in any data set


def content_id(*parts: str) -> str:
    """A hash of texts, in order."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:HEX_DIGITS]


def conversation_id(messages: Sequence[Message]) -> str:
    """A hash of a conversation's roles and contents; of a prompt, its `prompt_id`."""
    return content_id(*(text for message in messages for text in (message["role"], message["content"])))


def fraction(seed: int, *parts: str) -> float:
    """A number in [0, 1) that the texts and the seed decide, and nothing else."""
    digest = hashlib.sha256(json.dumps([seed, *parts]).encode()).digest()
    return int.from_bytes(digest[:7], "big") / 2**56


def is_held_out(prompt_id: str, *, share: float, seed: int) -> bool:
    """Whether a prompt is among the `share` that no model is trained on.

    Its content and the seed alone decide, so that the same prompt falls on the same side in every data set, and a
    new source moves none.
    """
    return fraction(seed, "held_out", prompt_id) < share


def row_seed(seed: int, prompt_id: str, sample: int) -> int:
    """The sampling seed of one response, in [0, 2⁶³): no matter which batch, order or device computes it."""
    digest = hashlib.sha256(json.dumps([seed, prompt_id, sample]).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
