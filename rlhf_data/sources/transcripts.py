r"""Transcripts, dialogues written as one text → messages; two of them → the comparison of their final turns.

"\n\nHuman: Hi.\n\nAssistant: Hello!"  →  [{"role": "user", "content": "Hi."},
                                          {"role": "assistant", "content": "Hello!"}]
"""

from __future__ import annotations

import re

from rlhf_data.schemas import Message
from rlhf_data.sources.records import BadRecord, Comparison

# a tag is preceded by a blank line: a bare `Human:` also occurs inside turns
HH_TAG = re.compile(r"\n\n(Human|Assistant):")
WEBGPT_TAG = re.compile(r"\n\n## (Human|Assistant):(?=\n|\Z)")
ROLES = {"Human": "user", "Assistant": "assistant"}


def is_dialogue(text: str) -> bool:
    """Whether a text starts with a speaker tag."""
    return text.startswith(("Human:", "Assistant:", "## Human:\n", "## Assistant:\n"))


def turns(dialogue: str) -> list[Message]:
    """The messages of a transcript in the HH-RLHF or WebGPT layout, stripped; raises `BadRecord` for any other text."""
    # the text of a record is stripped: restore the blank line before the first tag
    dialogue = f"\n\n{dialogue.strip()}"
    tag = WEBGPT_TAG if dialogue.startswith("\n\n## ") else HH_TAG
    before, *pieces = tag.split(dialogue)
    if before.strip() or not pieces:
        raise BadRecord("wrong_layout", "the text does not start with 'Human:' or '## Human:'")
    return [
        {"role": ROLES[name], "content": content.strip()}
        for name, content in zip(pieces[::2], pieces[1::2], strict=True)
    ]


def prompt(dialogue: list[Message]) -> list[Message]:
    """All messages before the final assistant turn; raises `BadRecord` where the final turn is not the assistant's."""
    if turn_count(dialogue) % 2:
        raise BadRecord("odd_length", f"{turn_count(dialogue)} turns")
    if dialogue[-1]["role"] != "assistant":
        raise BadRecord("turns_out_of_order", "the final turn is not the assistant's")
    return dialogue[:-1]


def turn_count(dialogue: list[Message]) -> int:
    """The number of turns of a dialogue, not counting its system message."""
    return len(dialogue) - (dialogue[0]["role"] == "system")


def final_turns(chosen: list[Message], rejected: list[Message]) -> Comparison:
    """The comparison of two dialogues that share their history and differ in the final turn.

    Raises `BadRecord` by RLHFlow's rules, in its order: equal numbers of turns, an even number, no empty turn, the same
    history.
    """
    if len(chosen) != len(rejected):
        raise BadRecord("different_turns", f"{len(chosen)} turns against {len(rejected)}")
    if turn_count(chosen) % 2:
        raise BadRecord("odd_length", f"{turn_count(chosen)} turns on both sides")
    for side, dialogue in (("chosen", chosen), ("rejected", rejected)):
        for number, message in enumerate(dialogue):
            if not message["content"]:
                raise BadRecord("empty_turn", f"turn {number} of {side}")
    history = prompt(chosen)
    if prompt(rejected) != history:
        raise BadRecord("different_history", "the turns before the final one differ")
    return Comparison(history, chosen[-1]["content"], rejected[-1]["content"])
