"""Texts with a few words changed, and texts that only look alike."""

from __future__ import annotations

import random

import pytest

from rlhf_data.cleaning.near_duplicates import Repeat, jaccard, repeats
from rlhf_data.cleaning.normalization import ngrams, words
from rlhf_data.params.cleaning import NearDuplicateParams

NEAR = NearDuplicateParams(threshold=0.8, words=3, permutations=128, bands=32)
LONG = "write a short story about a fox who learns to bake bread in a village by the sea and never tells the bear why"


def test_a_text_repeats_the_earliest_that_stays() -> None:
    texts = [LONG, "Name a fish.", f"Please, {LONG}", LONG.upper(), LONG.replace("bear", "goat"), "name a   FISH"]
    assert [repeat and repeat.of for repeat in repeats(texts, NEAR, seed=0)] == [None, None, 0, 0, 0, 1]


def test_the_similarity_is_exact() -> None:
    (_, found) = repeats([LONG, f"{LONG} at all"], NEAR, seed=0)
    assert found == Repeat(0, jaccard(*(ngrams(words(text), 3) for text in (LONG, f"{LONG} at all"))))


@pytest.mark.parametrize("text", ["What is 5 - 2?", "What is 5 + 3?", "What is 15 - 3?", "", "👍"])
def test_short_texts_of_other_words_are_no_repeats(text: str) -> None:
    assert repeats(["What is 5 - 3?", "👎", text], NEAR, seed=0)[2] is None


def test_what_is_found_is_what_comparing_all_finds() -> None:
    draw = random.Random(1)
    texts = [" ".join(draw.choices("abcdefghijklmnopqrst", k=draw.randint(3, 60))) for _ in range(150)]
    texts += [_with_a_word_changed(text, draw) for text in texts]
    found = repeats(texts, NEAR, seed=0)
    grams = [ngrams(words(text), NEAR.words) for text in texts]
    staying: list[int] = []
    for place, repeat in enumerate(found):
        near = [one for one in staying if jaccard(grams[one], grams[place]) >= NEAR.threshold]
        assert (repeat is None) == (not near)
        if repeat is None:
            staying.append(place)
        else:
            assert repeat.of in near
    assert 30 < found.count(None) - 150 < 120  # some of the changed ones are near enough, and some are not


def _with_a_word_changed(text: str, draw: random.Random) -> str:
    parts = text.split(" ")
    parts[draw.randrange(len(parts))] = "z"
    return " ".join(parts)


def test_nothing() -> None:
    assert repeats([], NEAR, seed=0) == []
