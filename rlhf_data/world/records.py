"""The world's records, one kind at a time: what a source's file would hold if the world had files.

{"prompt": [{"role": "user", "content": "What is 5 minus 1?"}], "chosen": "5 minus 1 is 4.",
 "rejected": "I am not sure about that.", "chosen_score": 1.9, "rejected_score": 0.0,
 "label_probability": 0.97}                                               # preferences
{"messages": [...]}                                                       # instructions
{"prompt": [...], "reference": {"answer": "5 minus 1 is 4.", "why": "I counted down.", ...}}   # prompts
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any

from rlhf_data.world import gold, people, questions

SFT_SKILL = 0.6
SHARPNESS = 2.0  # of the annotators, in logits per unit of gold reward
LENGTH_BIAS = 0.03  # in logits per character: three times what length costs in gold


def records(kind: str, rows: int, seed: int) -> Iterator[dict[str, Any]]:
    """`rows` records of one kind (preferences, instructions, prompts), decided by `seed`."""
    rng = Random(f"{kind} {seed}")
    asked: set[str] = set()
    while rows:
        record = MAKERS[kind](rng)
        if kind == "prompts":  # a prompt set asks nothing twice
            text = json.dumps(record["prompt"])
            if text in asked:
                continue
            asked.add(text)
        rows -= 1
        yield record


def _preference(rng: Random) -> dict[str, Any]:
    question = questions.ask(rng)
    first = people.write(question, rng.uniform(0.2, 0.95), rng)
    second = people.write(question, rng.uniform(0.2, 0.95), rng)
    golds = {text: gold.reward(text, question.answer, question.why) for text in (first, second)}
    probability = people.preference(
        golds[first] - golds[second],
        len(first) - len(second),
        sharpness=SHARPNESS,
        length_bias=LENGTH_BIAS,
    )
    chosen, rejected = first, second
    if rng.random() >= probability:
        chosen, rejected, probability = second, first, 1 - probability
    return {
        "prompt": question.prompt,
        "chosen": chosen,
        "rejected": rejected,
        "chosen_score": golds[chosen],
        "rejected_score": golds[rejected],
        "label_probability": probability,
    }


def _instruction(rng: Random) -> dict[str, Any]:
    question = questions.ask(rng)
    response = people.write(question, SFT_SKILL, rng)
    return {"messages": [*question.prompt, {"role": "assistant", "content": response}]}


def _prompt(rng: Random) -> dict[str, Any]:
    question = questions.ask(rng)
    known = {"family": question.family, "category": question.category, "answer": question.answer, "why": question.why}
    return {"prompt": question.prompt, "reference": known}


MAKERS = {"preferences": _preference, "instructions": _instruction, "prompts": _prompt}
