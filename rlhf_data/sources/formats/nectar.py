r"""Nectar's ranked answers → comparisons, or the dialogues before them as prompts.

    {"prompt": "\n\nHuman: Suggest a name for a grey cat.\n\nAssistant: ",
     "answers": [{"answer": "Ash.", "model": "m-a", "rank": 1.0}, {"answer": "Cat.", "model": "m-b", "rank": 2.0}]}

Rank 1 is the best; the score is minus the rank. An answer that holds a speaker's tag is no single answer. Which
answers the paper paired is not said.
"""

from __future__ import annotations

from typing import Any

from rlhf_data.hashing import fraction
from rlhf_data.schemas import Message
from rlhf_data.sources import fields, transcripts
from rlhf_data.sources.about import About, Expected
from rlhf_data.sources.records import BadRecord, Comparison, Prompt, Response, all_pairs, compared, usable

ABOUT = About(
    title="Nectar",
    url="https://huggingface.co/datasets/berkeley-nest/Nectar",
    licence="Apache-2.0 (card: non-commercial research only)",
    non_commercial=True,
    citation="Zhu et al. (2023). Starling-7B: Improving LLM Helpfulness and Harmlessness with RLAIF",
    responses="LLM",
    annotator="gpt-4",
    expected=Expected(182_954),
)
TAGS = ("Human:", "Assistant:")
TOP = 4  # open-instruct's
LEAVES = ("answers", "answers.rank", "good_natured", "num_responses", "turns")


def preferences(record: Any, *, pairing: str, seed: int) -> list[Comparison]:
    """Comparisons of ranked answers.

    `pairing` is `best_worst`, `best_random` (the best and any other), `top4_random` (one of the best four and one
    ranked below it), or `all` pairs; the seed and the prompt decide what is drawn.
    """
    text = fields.text(record, "prompt")
    prompt = _prompt(text)
    answers = usable(lambda answer: _answer(prompt, answer), fields.items(record, "answers"))
    if pairing == "all" or len(answers) < 2:
        return all_pairs(answers)
    ranked = sorted(answers, key=lambda answer: -answer.score)

    def drawn(what: str, first: int, end: int) -> int:
        return first + int(fraction(seed, "nectar", what, text) * (end - first))

    best = drawn("chosen", 0, min(TOP, len(ranked) - 1)) if pairing == "top4_random" else 0
    worst = len(ranked) - 1 if pairing == "best_worst" else drawn("rejected", best + 1, len(ranked))
    return [compared(ranked[best], ranked[worst])]


def prompts(record: Any) -> list[Prompt]:
    return [Prompt(_prompt(fields.text(record, "prompt")))]


def _prompt(text: str) -> list[Message]:
    dialogue = transcripts.turns(text)
    if dialogue[-1] != {"role": "assistant", "content": ""}:
        raise BadRecord("wrong_layout", "the prompt does not end in the assistant's tag")
    return dialogue[:-1]


def _answer(prompt: list[Message], answer: Any) -> Response:
    text = fields.text(answer, "answer")
    if any(tag in text for tag in TAGS):
        raise BadRecord("several_turns", "an answer holds a speaker's tag")
    return Response(prompt, text, -fields.number(answer, "rank"), ABOUT.annotator)
