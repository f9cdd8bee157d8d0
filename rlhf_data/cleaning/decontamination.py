"""Decontamination: prompts that repeat an item of an evaluation set.

    {"turns": ["Name a fish.", "Another one?"]} of mt_bench, a prompt " name a  FISH"
    →  "mt_bench row 0, text 0: the same words"

A prompt is contaminated where one of its user turns has the same words as an item, after normalising case, spacing and
punctuation, or where it holds at least a given share of an item's word n-grams.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import polars as pl

from rlhf_data.cleaning.normalization import ngrams, words
from rlhf_data.errors import SourceError
from rlhf_data.params.cleaning import ContaminationParams


class Evaluation(NamedTuple):
    """An index of the items of all evaluation sets, by their labels."""

    n: int
    overlap: float
    exact: dict[str, str]  # all of an item's words → the item
    grams: dict[str, list[str]]  # an n-gram → the items that have it
    sizes: dict[str, int]  # an item → its n-grams; items of fewer than n words have none
    least: int  # words of an item that is looked for
    short: list[str]  # items of fewer words


def evaluation(raw: Mapping[str, Iterable[object]], section: ContaminationParams) -> Evaluation:
    """Looks the items up in each set's records, in the field that the params name; a list gives an item each.

    Items of fewer than `min_words` words are left out, and listed. Raises `SourceError` for a record without that
    field, or with another type in it.
    """
    found = Evaluation(section.words, section.overlap, {}, {}, {}, section.min_words, [])
    for name, records in raw.items():
        for row, record in enumerate(records):
            for number, text in enumerate(_texts(record, section.sets[name].field, f"{name} row {row}")):
                _add(found, f"{name} row {row}, text {number}", words(text))
    return found


def notes(against: Evaluation | None) -> list[str]:
    """What a person should know of the items, one line each."""
    if against is None or not against.short:
        return []
    return [
        f"clean.contamination: {len(against.short)} items of fewer than {against.least} words are not looked for "
        f"(min_words), the first: {against.short[0]}"
    ]


def given_away(prompts: pl.Series, against: Evaluation) -> list[str | None]:
    """For each prompt, the item that it repeats and how; None for a clean one."""
    content = pl.element().struct.field("content")
    turns = prompts.list.eval(content.filter(pl.element().struct.field("role") == "user"))
    return [next(filter(None, (_detail(turn, against) for turn in one)), None) for one in turns.to_list()]


def _detail(turn: str, against: Evaluation) -> str | None:
    found = words(turn)
    if item := against.exact.get(" ".join(found)):
        return f"{item}: the same words"
    if len(found) < against.n:
        return None
    held = against.grams.keys() & ngrams(found, against.n)
    shared = Counter(item for gram in held for item in against.grams[gram])
    if not shared:
        return None
    share, item = max((times / against.sizes[item], item) for item, times in shared.items())
    return f"{item}: {share:.0%} of its {against.n}-word runs" if share >= against.overlap else None


def _add(found: Evaluation, item: str, item_words: list[str]) -> None:
    if len(item_words) < found.least:
        found.short.append(item)
        return
    found.exact.setdefault(" ".join(item_words), item)
    if len(item_words) >= found.n:
        grams = ngrams(item_words, found.n)
        found.sizes[item] = len(grams)
        for gram in grams:
            found.grams.setdefault(gram, []).append(item)


def _texts(record: object, field: str, place: str) -> Sequence[str]:
    value = record.get(field) if isinstance(record, dict) else None
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise SourceError(
            f"{place}: field {field!r} holds no text and no list of texts\n"
            "  correct the set's `field` in clean.contamination"
        )
    return texts
