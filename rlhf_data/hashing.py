"""Content hashes: the same on every machine and with every version of polars."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from rlhf_data.schemas import Message

HEX_DIGITS = 32  # 128 bits: no collision is to be met in any data set


def content_id(*parts: str) -> str:
    """A hash of texts, in order."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:HEX_DIGITS]


def sha256(path: Path) -> str:
    """The hash of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files(place: Path) -> dict[str, str]:
    """The SHA-256 of every file in a folder, in hex, by its path from there; of a file, its own by the name `.`."""
    found = sorted(path for path in place.rglob("*") if path.is_file()) if place.is_dir() else [place]
    return {path.relative_to(place).as_posix(): sha256(path) for path in found}


def normal_form(text: str) -> str:
    """The one spelling that stands for all of a text's: NFC, lines that end in LF, no white space around it.

    Ids of conversations are hashes of it, so that the same prompt has one id wherever it comes from. The texts
    themselves stay as they are written.
    """
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def normal_forms(texts: pl.Series) -> pl.Series:
    """The `normal_form` of each text."""
    return pl.Series(texts.name, map(normal_form, texts), dtype=pl.String)


def conversation_id(messages: Sequence[Message]) -> str:
    """A hash of a conversation's roles and contents, in normal form; of a prompt, its `prompt_id`."""
    return content_id(*(text for turn in messages for text in (turn["role"], normal_form(turn["content"]))))


def first_question(messages: Sequence[Message]) -> str:
    """The content of the first user turn, which decides on which side of the split a conversation falls; "" of none."""
    return next((turn["content"] for turn in messages if turn["role"] == "user"), "")


def first_questions(table: pl.DataFrame) -> pl.Series:
    """The `first_question` of each row's `prompt`."""
    said = pl.element().filter(pl.element().struct.field("role") == "user").struct.field("content")
    return table.select(pl.col("prompt").list.eval(said).list.first().fill_null("")).to_series()


def fraction(seed: int, *parts: str) -> float:
    """A number in [0, 1) that the texts and the seed decide, and nothing else."""
    digest = hashlib.sha256(json.dumps([seed, *parts]).encode()).digest()
    return int.from_bytes(digest[:7], "big") / 2**56


def is_held_out(question: str, *, share: float, seed: int) -> bool:
    """Whether conversations that start with `question` are among the `share` that no model is trained on.

    The `first_question` in normal form and the seed alone decide. So all that starts with the same words falls on the
    same side in every data set, whatever system message stands before it and however it goes on; a new source moves
    none.
    """
    return fraction(seed, "held_out", conversation_id([{"role": "user", "content": question}])) < share


def row_seed(seed: int, prompt_id: str, sample: int) -> int:
    """The sampling seed of one response, in [0, 2⁶³): no matter which batch, order or device computes it."""
    digest = hashlib.sha256(json.dumps([seed, prompt_id, sample]).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
