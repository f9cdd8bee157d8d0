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

THINKING = r"think|thinking|thought|reasoning|reflection"
THOUGHT = re.compile(rf".*</(?:{THINKING})>", re.IGNORECASE | re.DOTALL)  # also where a template opened it
CUT_THOUGHT = re.compile(rf"<(?:{THINKING})>", re.IGNORECASE)
SHOUT = re.compile(r"[*_`~#]+")  # Markdown's
NAME = r"(?:(?i:response|option|assistant|answer|model)\s+)?[\"'(\[]*"
LETTER = NAME + r"\b(B|A(?!['’]|\s+(?!because\b|since\b|as\b|is\b|over\b|than\b)[a-z]))\b[\"')\]]*"  # not the article
# what a judge is told to write, and what is written for programs to read: the last of them counts above all
MARKED = (
    re.compile(r"\[\[\s*([A-Z])\s*\]\]"),
    re.compile(r"\\boxed\{\s*(?:\\text\{)?\s*(?:Response\s+)?([A-Z])\s*\}"),
    re.compile(r"<(answer|verdict|choice|winner)>\s*(?:Response\s+)?([A-Z])\s*</\1>", re.IGNORECASE),
    re.compile(r'"(?:verdict|winner|choice|answer|better|preferred|preference)"\s*:\s*"(?:Response\s+)?([A-Z])"', re.I),
)
ALONE = re.compile(rf"{LETTER}[.!]?", re.IGNORECASE)  # a whole line
LEADING = re.compile(rf"{LETTER}(?:[.,;:!]|\s*$|\s*\n|\s+(?:because|since|as)\b)")
NAMED = (
    re.compile(rf"\b(?i:answer|verdict|choice|winner|choose)(?:\s+(?:is|would\s+be))?:?\s*{LETTER}"),
    re.compile(rf"\b(?i:better|best)(?:\s+(?:response|answer|one))?(?:\s+(?:is|would\s+be))?:?\s*{LETTER}"),
    re.compile(rf"{LETTER}\s+(?:is|was)\s+(?:\w+\s+)?(?:better|best|preferable|superior)\b"),
    re.compile(rf"\b(?i:prefer|pick|choose|favou?r|select)\s+{LETTER}(?:\s+over\b|[.!]?$)"),
    re.compile(rf"{LETTER}\s+over\s+{NAME}\b[AB]\b"),
    re.compile(rf"\b(?:worse|weaker)\s+than\s+{LETTER}"),
    re.compile(rf"[:：]\s*{LETTER}[.!]?$"),
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

    What stands before the end of a thinking block is no verdict, and a block that was cut leaves none. Then a mark
    counts above all, the last of them ([[A]], a box, a tag, a field of JSON), then a letter that the answer begins
    with, unless its sentences name the other, or a last line that is nothing else, then sentences that say which is
    better; those with a doubt in them (neither, whether, not) say nothing.
    """
    text = THOUGHT.sub("", answer).strip()
    if CUT_THOUGHT.search(text):
        return math.nan
    if marks := [(found.start(), found[found.lastindex or 0]) for way in MARKED for found in way.finditer(text)]:
        return _one([max(marks)[1].upper()])
    text = SHOUT.sub("", text).strip()
    sentences = [one.strip() for one in re.split(r"(?<=[.!?])\s|\n", text)]
    said = [letter for one in sentences if not UNSURE.search(one) for way in NAMED for letter in way.findall(one)]
    if (begins := LEADING.match(text)) and (not said or begins[1] in said):
        return _one([begins[1]])
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if alone := ALONE.fullmatch(lines[-1]) if lines else None:
        return _one([alone[1].upper()])
    return _one(said)


def lost(found: Sequence[float], *, too_long: int) -> str | None:
    """One line that counts the comparisons without a verdict; None where there are none."""
    if none := sum(map(math.isnan, found)):
        return f"prompted: no verdict on {none} of {len(found)} comparisons, {too_long} of them too long"
    return None


def _one(letters: list[str]) -> float:
    found = set(letters)
    return float(found == {"A"}) if found in ({"A"}, {"B"}) else math.nan
