"""The prompt of an LLM judge, and the verdict that is parsed from its answer."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from rlhf_data.inference.protocols import ResponsePair
from rlhf_data.schemas import Message

QUESTION = """\
Compare two responses to this conversation.

{conversation}
[Response A]
{first}

[Response B]
{second}

Which response is better: right, helpful and harmless? Neither length nor order counts. Answer with one letter, A or B.\
"""

OPEN, CLOSE = r"[*_\"'(\[]*", r"[*_\"')\]]*"
LETTER = OPEN + r"\b(B|A(?!['’]|\s+(?!because\b|since\b|as\b|is\b)[a-z]))\b" + CLOSE  # not the article
MARKED = re.compile(r"\[\[([AB])\]\]")
LEADING = re.compile(rf"(?:(?i:response)\s+)?{LETTER}(?:[.,;!]|\s*$|\s*\n|\s+(?:because|since|as)\b)")
NAMED = (
    re.compile(rf"\b(?i:answer|verdict|choice|winner|choose)(?:\s+is)?:?\s*(?:(?i:response)\s+)?{LETTER}"),
    re.compile(rf"\b(?i:better|best)(?:\s+(?:response|answer|one))?(?:\s+is)?:?\s*(?:(?i:response)\s+)?{LETTER}"),
    re.compile(rf"{LETTER}\s+(?:is|was)\s+(?:\w+\s+)?(?:better|best)\b"),
)
UNSURE = re.compile(r"\b(?:neither|whether|if|not|cannot)\b|n['’]t\b", re.I)


def question(comparison: ResponsePair) -> list[Message]:
    """One user turn: the conversation, both responses, and which is better."""
    told = "".join(f"[{turn['role']}]\n{turn['content']}\n\n" for turn in comparison.prompt)
    # one pass: what a response says is no field of the text
    text = QUESTION.format(conversation=told, first=comparison.first, second=comparison.second)
    return [{"role": "user", "content": text}]


def probability(logps: tuple[float, float]) -> float:
    """P(A) against P(B) of the log-probabilities of the two, by log-softmax; NaN where both are −∞ or one is NaN."""
    first, second = logps
    if math.isnan(first) or math.isnan(second) or first == second == -math.inf:
        return math.nan
    return 0.5 * (1 + math.tanh((first - second) / 2))  # overflows nowhere


def read(answer: str) -> float:
    """P(first is better) parsed from a written answer: 1 for A, 0 for B, NaN where it names neither or both.

    A mark as [[A]] counts above all, then a letter that the answer begins with, then a sentence that says which is
    better; sentences with a doubt in them (neither, whether, not) say nothing.
    """
    text = answer.strip()
    if marks := MARKED.findall(text):
        return _one(marks[-1:])
    if begins := LEADING.match(text):
        return _one([begins[1]])
    clear = [sentence for sentence in re.split(r"(?<=[.!?])\s|\n", text) if not UNSURE.search(sentence)]
    return _one([letter for sentence in clear for way in NAMED for letter in way.findall(sentence)])


def lost(found: Sequence[float], *, too_long: int) -> str | None:
    """One line that counts the comparisons without a verdict; None where there are none."""
    if none := sum(map(math.isnan, found)):
        return f"prompted: no verdict on {none} of {len(found)} comparisons, {too_long} of them too long"
    return None


def _one(letters: list[str]) -> float:
    found = set(letters)
    return float(found == {"A"}) if len(found) == 1 else math.nan
