"""A chat template, tried on one conversation before anything is trained with it.

What is held: every text is there, as it was said; an answer stands where the model is let to write; its turn ends with
a token at which generation stops, and which SFT learns; BOS is there once; padding is no token that is learnt; the
clock is not read.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from rlhf_data.errors import EngineError
from rlhf_data.schemas import Message

SYSTEM: Message = {"role": "system", "content": "Answer as the keeper of a zoo would."}
TALK: list[Message] = [
    {"role": "user", "content": "Name a small fish."},
    {"role": "assistant", "content": "A goby, perhaps."},
    {"role": "user", "content": "And one that flies?"},
]
ANSWER: Message = {"role": "assistant", "content": "No fish flies for long."}
TODAY = datetime(2024, 7, 26, tzinfo=UTC)  # for templates that tell the model the date
CLOCK = re.compile(r"strftime_now\(\s*(['\"])(.*?)\1\s*\)")


def without_clock(template: str) -> str:
    """The template with a fixed date (`TODAY`) where it would ask the clock, so that a prompt is the same tomorrow."""
    return CLOCK.sub(lambda found: repr(TODAY.strftime(found[2])), template)


def probe(
    tokenizer: Any, *, ends: Collection[int] = (), learns_answers_alone: bool = False, has_systems: bool = False
) -> list[str]:
    """Raises `EngineError`, one line and its way out, where training with the template goes wrong.

    `ends` are ids at which generation stops beside the tokenizer's EOS. `learns_answers_alone` says whether SFT does
    (`assistant_only_loss`), `has_systems` whether its conversations have system messages. Returns what is to be known
    but is no fault, line by line.
    """
    notes = _systems(tokenizer, required=has_systems)
    asked = _rendered(tokenizer, TALK, add_generation_prompt=True)
    whole = _rendered(tokenizer, [*TALK, ANSWER])
    for turn in (*TALK, ANSWER):
        if turn["content"] not in whole:
            raise _fault(
                f"loses the text of the {turn['role']}'s turns",
                "it may want contents as lists of parts, which text here is not: name a template for text",
            )
    if not whole.startswith(asked) or not whole[len(asked) :].lstrip().startswith(ANSWER["content"]):
        raise _fault(
            "does not put an answer where it lets the model begin to write",
            "an answer must follow the prompt that `add_generation_prompt` makes",
        )
    notes += _tokens(tokenizer, asked, whole, {tokenizer.eos_token_id, *ends})
    if learns_answers_alone:
        _refuse_wrong_mask(tokenizer, _end_of_turn(tokenizer, whole))
    return notes


def _systems(tokenizer: Any, *, required: bool) -> list[str]:
    """What the template makes of a system message."""
    why = ""
    try:
        if SYSTEM["content"] not in _rendered(tokenizer, [SYSTEM, *TALK]):
            why = "drops system messages in silence"
    except EngineError as error:
        _rendered(tokenizer, TALK)  # else the fault is another
        why = f"takes no system message ({str(error).splitlines()[0].partition(': ')[2]})"
    if why and required:
        raise _fault(why, "leave conversations with one out, or write the message at the head of the user's turn")
    return [f"the chat template {why}"] if why else []


def _tokens(tokenizer: Any, asked: str, whole: str, ends: set[int]) -> list[str]:
    end = _end_of_turn(tokenizer, whole)
    if end not in ends:
        spelt, eos = tokenizer.convert_ids_to_tokens(end), tokenizer.eos_token
        raise _fault(
            f"ends a turn with {spelt!r}, but generation stops at {eos!r}",
            f"set eos_token to {spelt!r} in tokenizer_config.json, or list its id in generation_config.json",
        )
    ids = _ids(tokenizer, whole)
    if tokenizer.pad_token_id in ids:
        raise _fault(f"writes {tokenizer.pad_token!r}, which is the pad token", "give it a pad token of its own")
    bos = tokenizer.bos_token_id
    if bos is None or bos in ends:
        return []  # one token for both, as GPT-2 has it
    if ids[:2] == [bos, bos]:
        raise _fault(f"begins with {tokenizer.bos_token!r} twice", "once is what models are trained on")
    if bos not in ids and tokenizer("x")["input_ids"][0] == bos:
        return [f"the chat template writes no {tokenizer.bos_token!r}, which the tokenizer puts before other texts"]
    return []


def _end_of_turn(tokenizer: Any, whole: str) -> int:
    """The first token after the last answer that is a special one; raises `EngineError` where there is none."""
    after = _ids(tokenizer, whole[whole.rindex(ANSWER["content"]) + len(ANSWER["content"]) :])
    special = {*tokenizer.all_special_ids, *tokenizer.added_tokens_decoder}
    found = next((one for one in after if one in special), None)
    if found is None:
        raise _fault("ends an answer with no token of its own", "generation could not stop: add EOS to its end")
    return int(found)


def _refuse_wrong_mask(tokenizer: Any, end: int) -> None:
    made = tokenizer.apply_chat_template(
        [*TALK, ANSWER], tokenize=True, return_dict=True, return_assistant_tokens_mask=True
    )
    learnt = [one for one, mask in zip(made["input_ids"], made["assistant_masks"], strict=True) if mask]
    cure = "put {% generation %} … {% endgeneration %} round the answer and its end, or set it to false"
    said = tokenizer.decode(learnt) if learnt else ""
    if ANSWER["content"] not in said or TALK[1]["content"] not in said:
        raise _fault("does not mark what the assistant says, as train_sft.assistant_only_loss needs", cure)
    if TALK[0]["content"] in said:
        raise _fault("marks the user's words as the assistant's", cure)
    if end not in learnt:
        raise _fault("leaves the end of turn out of what SFT learns", cure)


def _rendered(tokenizer: Any, messages: list[Message], *, add_generation_prompt: bool = False) -> str:
    try:
        text: str = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=add_generation_prompt)
    except Exception as error:  # Jinja's own, and what a template raises
        said = "; ".join(str(error).split("\n"))[:200]
        raise _fault(f"fails: {said}", "correct it, or name another `tokenizer.hub`") from error
    return text


def _ids(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def _fault(what: str, cure: str) -> EngineError:
    return EngineError(f"the chat template {what}\n  {cure}")
