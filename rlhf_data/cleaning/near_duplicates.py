"""Near-duplicates: for each text, the earlier one that it nearly repeats.

Two texts are compared by the Jaccard similarity of their sets of word n-grams. MinHash with locality-sensitive
hashing (rensa) finds the candidates; the best of them is then compared exactly, so nothing is dropped by an estimate.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rensa import RMinHash, RMinHashLSH

from rlhf_data.cleaning.normalization import ngrams, words
from rlhf_data.params.cleaning import NearDuplicateParams

BATCH = 10_000  # texts whose n-grams are in memory at once


class Repeat(NamedTuple):
    """The position of an earlier text, and the similarity in (0, 1] to it."""

    of: int
    similarity: float


def repeats(texts: Sequence[str], near: NearDuplicateParams, *, seed: int) -> list[Repeat | None]:
    """For each text, the earlier one that it repeats at `near.threshold` or above; None for a text that stays.

    Only texts that stay are compared with, so of many that say nearly the same the first stays and is named.
    """
    index = RMinHashLSH(threshold=near.threshold, num_perm=near.permutations, num_bands=near.bands)
    staying: dict[int, RMinHash] = {}
    found: list[Repeat | None] = []
    for start in range(0, len(texts), BATCH):
        sets = [ngrams(words(text), near.words) for text in texts[start : start + BATCH]]
        sketches = RMinHash.from_token_sets(map(list, sets), num_perm=near.permutations, seed=seed)
        for place, (grams, sketch) in enumerate(zip(sets, sketches, strict=True), start):
            repeat = None
            if candidates := index.query(sketch):
                # of equals the earliest, whatever order the index gives them in
                best = max(candidates, key=lambda one: (sketch.jaccard(staying[one]), -one))
                similarity = jaccard(grams, ngrams(words(texts[best]), near.words))
                repeat = Repeat(best, similarity) if similarity >= near.threshold else None
            if repeat is None:
                index.insert(place, sketch)
                staying[place] = sketch
            found.append(repeat)
    return found


def jaccard(one: set[str], other: set[str]) -> float:
    """The share of all members that both sets have."""
    return len(one & other) / len(one | other)
