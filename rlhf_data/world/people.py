"""Who writes and who judges in the world: authors of differing skill, and annotators with a length bias."""

from __future__ import annotations

import math
from random import Random

from rlhf_data.world.gold import EVASION, FILLERS, OPENERS, RUDE
from rlhf_data.world.questions import Question

FILLER_COUNTS = (0.42, 0.30, 0.16, 0.08, 0.04)  # how often an author adds 0 to 4 of them


def write(question: Question, skill: float, rng: Random) -> str:
    """A response: right with probability `skill`, else evasive or wrong; padded and, the less skilled, ruder."""
    sentences = []
    if rng.random() < 0.25:
        sentences.append(rng.choice(OPENERS))
    evasive = False
    if rng.random() < skill:
        sentences.append(question.answer)
    elif rng.random() < 0.5:
        sentences.append(EVASION)
        evasive = True
    else:
        sentences.append(rng.choice(question.wrong))
    if not evasive and rng.random() < 0.45:
        sentences.append(question.why if rng.random() < 0.75 else rng.choice(question.wrong_why))
    (fillers,) = rng.choices(range(len(FILLER_COUNTS)), weights=FILLER_COUNTS)
    sentences.extend(rng.sample(FILLERS, fillers))
    if rng.random() < 0.36 * (1 - skill):
        sentences.append(rng.choice(RUDE))
    return " ".join(sentences)


def preference(gold_gap: float, char_gap: int, *, sharpness: float, length_bias: float) -> float:
    """P(a is preferred to b): Bradley–Terry on the gold rewards, plus a length bias.

    `gold_gap` and `char_gap` are a's minus b's; `length_bias` is in logits per character.
    """
    return 1 / (1 + math.exp(-(sharpness * gold_gap + length_bias * char_gap)))
