"""Requests as records: what a source's file would hold if they had files.

{"prompt": [{"role": "user", "content": "Describe rain. Use no commas. End with a question."}],
 "reference": {"topic": "rain", "constraints": [["no_comma", ""], ["question", ""]]}}
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any, Literal

from rlhf_data.requests import constraints, topics
from rlhf_data.requests.gold import Request

Part = Literal["trained", "held_out"]
NUMBERS = (1, 2, 2)  # of constraints, beside the topic: as often as they stand here


def prompts(rows: int, part: Part, seed: int | str) -> Iterator[dict[str, Any]]:
    """`rows` different requests about topics of one part, decided by `seed`.

    Those about held-out topics have, every second one, a constraint of a held-out kind.
    """
    rng = Random(f"requests {part} {seed}")
    asked: set[str] = set()
    while len(asked) < rows:
        topic = rng.choice(topics.HELD_OUT if part == "held_out" else topics.TRAINED)
        first = constraints.HELD_OUT if part == "held_out" and len(asked) % 2 else constraints.TRAINED
        wanted = constraints.drawn(rng, first, constraints.TRAINED, rng.choice(NUMBERS))
        text = " ".join([rng.choice(topics.FORMS).format(topic), *(one.text for one in wanted)])
        if text not in asked:
            asked.add(text)
            known = Request(topics.name(topic), tuple(wanted)).written()
            yield {"prompt": [{"role": "user", "content": text}], "reference": known}
