"""What a request may ask of an answer's form, and whether an answer keeps it.

    short 15     "Use fewer than 15 words."        fewer words, and at least three
    question     "End with a question."            the last character is a question mark

Each kind has a family: a request takes one of a family at most, since two could contradict each other.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random
from typing import NamedTuple

LEAST_WORDS = 3  # of an answer that can keep anything

_SENTENCE_END = re.compile(r"[.!?]+[\"')]*(?=\s|$)")
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")


class Kind(NamedTuple):
    """One kind of constraint: `says` is its wording, with the argument at `{}`."""

    family: str
    says: str
    arguments: tuple[str, ...]
    keeps: Callable[[str, str], bool]  # response, argument


def words(text: str) -> list[str]:
    """The words of a text, as they are written."""
    return _WORD.findall(text)


def sentences(text: str) -> int:
    """How many sentences a text has; one that is not ended counts."""
    parts = [part for part in _SENTENCE_END.split(text) if part.strip()]
    return len(parts)


def has(text: str, word: str) -> bool:
    """Whether the word stands in a text, in any case, as a whole word or in its plural."""
    return re.search(rf"\b{re.escape(word)}(?:s|es)?\b", text, re.IGNORECASE) is not None


def _cased(text: str, case: Callable[[str], str]) -> bool:
    return any(letter.isalpha() for letter in text) and text == case(text)


TRAINED = {
    "short": Kind("length", "Use fewer than {} words.", ("10", "15", "20"), lambda text, n: len(words(text)) < int(n)),
    "one_sentence": Kind("sentences", "Answer in one sentence.", ("",), lambda text, _: sentences(text) == 1),
    "lower_case": Kind("case", "Write everything in lower case.", ("",), lambda text, _: _cased(text, str.lower)),
    "question": Kind("end", "End with a question.", ("",), lambda text, _: text.endswith("?")),
    "exclamation": Kind("end", "End with an exclamation mark.", ("",), lambda text, _: text.endswith("!")),
    "mention": Kind(
        "mention",
        'Use the word "{}".',
        ("always", "because", "friend", "never", "simple", "today"),
        lambda text, word: has(text, word),
    ),
    "avoid": Kind(
        "avoid", 'Do not use the word "{}".', ("the", "and", "is", "of"), lambda text, word: not has(text, word)
    ),
    "no_comma": Kind("commas", "Use no commas.", ("",), lambda text, _: "," not in text),
    "begin": Kind(
        "begin",
        'Begin with the word "{}".',
        ("Sure", "Well", "Many", "People"),
        lambda text, word: words(text)[:1] == [word],
    ),
}
HELD_OUT = {  # no policy and no judge is trained on them
    "upper_case": Kind("case", "Write everything in capital letters.", ("",), lambda text, _: _cased(text, str.upper)),
    "two_sentences": Kind("sentences", "Answer in exactly two sentences.", ("",), lambda text, _: sentences(text) == 2),
    "finish": Kind(
        "end", 'Finish with the words "{}".', ("That is all.", "Try it."), lambda text, phrase: text.endswith(phrase)
    ),
    "digits": Kind("digits", "Include a number in digits.", ("",), lambda text, _: any(one.isdigit() for one in text)),
}
KINDS = {**TRAINED, **HELD_OUT}


class Constraint(NamedTuple):
    """One constraint of a request."""

    kind: str
    argument: str

    @property
    def text(self) -> str:
        """How the request words it."""
        return KINDS[self.kind].says.format(self.argument)

    def kept(self, response: str) -> bool:
        """Whether a response keeps it; one of hardly any words keeps nothing."""
        text = response.strip()
        return len(words(text)) >= LEAST_WORDS and KINDS[self.kind].keeps(text, self.argument)


def drawn(rng: Random, first: dict[str, Kind], others: dict[str, Kind], number: int) -> list[Constraint]:
    """`number` constraints of different families, one from `first` and the rest from `others`, in random order."""
    found: list[Constraint] = []
    for kinds in [first, *[others] * (number - 1)]:
        taken = {KINDS[one.kind].family for one in found}
        kind = rng.choice([name for name, kind in kinds.items() if kind.family not in taken])
        found.append(Constraint(kind, rng.choice(KINDS[kind].arguments)))
    rng.shuffle(found)
    return found
