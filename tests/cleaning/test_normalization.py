"""Texts that say the same, and texts that do not."""

from __future__ import annotations

import pytest

from rlhf_data.cleaning.normalization import ngrams, words


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("  What is 5 − 3,\n REALLY? ", ["what", "is", "5", "−", "3", "really"]),
        ("“Straße”, ﬁve … (well-known)_x", ["strasse", "five", "well", "-", "known", "x"]),
        ("水はH2O", ["水", "は", "h2o"]),
        ("👍 !", ["👍 !"]),
        ("", [""]),
    ],
)
def test_words(text: str, said: list[str]) -> None:
    assert words(text) == said


def test_signs_that_calculate_are_words() -> None:
    assert words("5 - 3") != words("5 + 3")
    assert words("5-3") == words("5 - 3")


def test_ngrams() -> None:
    assert ngrams(["a", "b", "c", "a", "b"], 2) == {"a b", "b c", "c a"}
    assert ngrams(["a", "b"], 2) == ngrams(["a", "b"], 3) == {"a b"}
