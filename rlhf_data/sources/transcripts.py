r"""A dialogue written as one text → its turns; two such dialogues → the comparison of their final turns.

"\n\nHuman: Hi.\n\nAssistant: Hello!"  →  [{"role": "user", "content": "Hi."},
                                          {"role": "assistant", "content": "Hello!"}]
"""

from __future__ import annotations

import re

from rlhf_data.schemas import Message
from rlhf_data.sources.records import BadRecord, Comparison

# a tag needs its blank line: a bare `Human:` also occurs inside turns
HH_TAG = re.compile(r"\n\n(Human|Assistant):")
WEBGPT_TAG = re.compile(r"\n\n## (Human|Assistant):(?=\n|\Z)")
ANSWER_TAG = re.compile(r"^Assistant:", re.MULTILINE)
ROLES = {"Human": "user", "Assistant": "assistant"}


def is_dialogue(text: str) -> bool:
    """Whether a text starts with a speaker's tag."""
    return text.startswith(("Human:", "Assistant:", *(f"## {name}:{end}" for name in ROLES for end in ("\n", "\r"))))


def turns(dialogue: str) -> list[Message]:
    """The turns of a dialogue in either layout, contents stripped; raises `BadRecord` for any other text."""
    # a record's text comes stripped, so the blank line before the first tag is put back
    dialogue = "\n\n" + dialogue.replace("\r\n", "\n").replace("\r", "\n").strip()
    tag = WEBGPT_TAG if dialogue.startswith("\n\n## ") else HH_TAG
    before, *pieces = tag.split(dialogue)
    if before.strip() or not pieces:
        raise BadRecord("wrong_layout", "the text does not start with 'Human:' or '## Human:'")
    found: list[Message] = [
        {"role": ROLES[name], "content": content.strip()}
        for name, content in zip(pieces[::2], pieces[1::2], strict=True)
    ]
    if any(turn["role"] == "user" and ANSWER_TAG.search(turn["content"]) for turn in found):
        raise BadRecord("leftover_tag", "a user's turn holds a line 'Assistant:' without a blank line before it")
    return found


def prompt(dialogue: list[Message]) -> list[Message]:
    """All turns before the final one, which must be the assistant's; a system message first is no turn."""
    if spoken(dialogue) % 2:
        raise BadRecord("odd_length", f"{spoken(dialogue)} turns")
    if dialogue[-1]["role"] != "assistant":
        raise BadRecord("turns_out_of_order", "the final turn is not the assistant's")
    return dialogue[:-1]


def spoken(dialogue: list[Message]) -> int:
    """How many turns a dialogue has, its system message aside."""
    return len(dialogue) - (dialogue[0]["role"] == "system")


def final_turns(chosen: list[Message], rejected: list[Message]) -> Comparison:
    """The comparison of two dialogues that differ in their final turn alone.

    The rules are RLHFlow's, in its order: as many turns, an even number of them, none empty, the same history.
    """
    if len(chosen) != len(rejected):
        raise BadRecord("different_turns", f"{len(chosen)} turns against {len(rejected)}")
    if spoken(chosen) % 2:
        raise BadRecord("odd_length", f"{spoken(chosen)} turns on both sides")
    for side, dialogue in (("chosen", chosen), ("rejected", rejected)):
        for number, message in enumerate(dialogue):
            if not message["content"]:
                raise BadRecord("empty_turn", f"turn {number} of {side}")
    history = prompt(chosen)
    if prompt(rejected) != history:
        raise BadRecord("different_history", "the turns before the final one differ")
    return Comparison(history, chosen[-1]["content"], rejected[-1]["content"])
