"""A chat template, tried on one conversation before anything is trained with it.

What is held: every text is there, as it was said, in the text and in its tokens; an answer stands where the model is
let to write; its turn ends with a token at which generation stops, and which SFT learns; BOS is there once; padding is
no token that is learnt; the clock is not read.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from itertools import dropwhile, takewhile
from typing import Any

from rlhf_data.errors import EngineError
from rlhf_data.schemas import Message

SYSTEM: Message = {"role": "system", "content": "Answer as the keeper of a zoo would."}
TALK: list[Message] = [
    {"role": "user", "content": "Name a small fish.\n  - of the sea"},
    {"role": "assistant", "content": "A goby, perhaps."},
    {"role": "user", "content": "And one that flies?"},
]
ANSWER: Message = {"role": "assistant", "content": "No fish flies for long."}
TRIED = ([*TALK, ANSWER], TALK, [SYSTEM, *TALK])
TODAY = datetime(2024, 7, 26, tzinfo=UTC)  # for templates that tell the model the date
CLOCK = re.compile(r"strftime_now\s*\(\s*(['\"])(.{0,100}?)\1\s*\)")
READS_CLOCK = re.compile(r"strftime_now(?!\s+is\s)")  # other than to ask whether it is defined


def single(template: str | dict[str, str] | None) -> str | None:
    """The template that texts go through, of several by name the default one, with a fixed date instead of the clock.

    So a prompt is the same tomorrow. Raises `EngineError` where the clock is read in a way that cannot be replaced.
    """
    if isinstance(template, dict):
        template = template.get("default")
    if template is None:
        return None
    fixed = CLOCK.sub(lambda found: repr(TODAY.strftime(found[2])), template)
    if READS_CLOCK.search(fixed):
        raise _fault("reads the clock, so that no prompt is the same tomorrow", "write a date into it")
    return fixed


def rendered(tokenizer: Any, messages: Sequence[Message], *, add_generation_prompt: bool = False) -> str:
    """A conversation through the chat template; raises `EngineError` where it fails or drops the system message."""
    system = messages[0]["content"] if messages and messages[0]["role"] == "system" else None
    try:
        text: str = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=add_generation_prompt)
    except Exception as error:  # Jinja's own, and what a template raises
        said = "; ".join(str(error).split("\n"))[:200]
        if system is None:
            raise _fault(f"fails: {said}", "correct it, or name another tokenizer") from error
        rendered(tokenizer, messages[1:], add_generation_prompt=add_generation_prompt)  # else the fault is another
        raise _fault(f"takes no system message ({said})", WITHOUT_SYSTEM) from error
    if system is not None and system.strip() not in text:
        raise _fault("drops system messages in silence", WITHOUT_SYSTEM)
    return text


WITHOUT_SYSTEM = "leave conversations with one out, or write the message at the head of the user's turn"


def refuse_lost_texts(tokenizer: Any) -> str:
    """Raises `EngineError` where a text does not come through template and tokenizer; returns the conversation."""
    try:
        whole = rendered(tokenizer, [*TALK, ANSWER])
        lost = next((turn["role"] for turn in (*TALK, ANSWER) if turn["content"] not in whole), None)
        if lost:
            raise _fault(f"loses or changes the text of the {lost}'s turns", "correct it, or name another tokenizer")
    except EngineError:
        if _takes_parts(tokenizer):
            raise _fault(
                "takes contents as lists of parts alone", "texts are plain here: let it take a string as well"
            ) from None
        raise
    read = _squeezed(tokenizer.decode(_ids(tokenizer, whole)))
    for turn in (*TALK, ANSWER):
        if _squeezed(turn["content"]) not in read:
            raise EngineError(
                f"the tokenizer loses or changes a text: of {turn['content']!r} it gives back other letters\n"
                "  name one with a token for each byte or letter"
            )
    return whole


def _takes_parts(tokenizer: Any) -> bool:
    turns = (*TALK, ANSWER)
    parts = [{**turn, "content": [{"type": "text", "text": turn["content"]}]} for turn in turns]
    try:
        text = tokenizer.apply_chat_template(parts, tokenize=False)
    except Exception:  # as in `rendered`
        return False
    return all(turn["content"] in text for turn in turns)


def _squeezed(text: str) -> str:
    return "".join(text.split())


def probe(
    tokenizer: Any, *, ends: Collection[int] = (), learns_answers_alone: bool = False, systems: Sequence[str] = ()
) -> list[str]:
    """Raises `EngineError`, one line and its way out, where training with the template goes wrong.

    `ends` are ids at which generation stops beside the tokenizer's EOS. `learns_answers_alone` says whether SFT does
    (`assistant_only_loss`), `systems` names the tables whose conversations have system messages. Returns what is to be
    known but is no fault, line by line.
    """
    whole = refuse_lost_texts(tokenizer)
    notes = _systems(tokenizer, systems)
    asked = rendered(tokenizer, TALK, add_generation_prompt=True)
    before, _, _ = whole.removeprefix(asked).partition(ANSWER["content"])
    if not whole.startswith(asked) or before.strip():
        raise _fault(
            "does not put an answer where it lets the model begin to write"
            + (f": it puts {before!r} before it" if whole.startswith(asked) else ""),
            "an answer must follow the prompt that `add_generation_prompt` makes: correct it, or name another",
        )
    stops = {tokenizer.eos_token_id, *ends}
    end = _end_of_turn(tokenizer, whole, stops)
    notes += _tokens(tokenizer, whole, stops)
    if learns_answers_alone:
        _refuse_wrong_mask(tokenizer, end)
    return notes


def _systems(tokenizer: Any, tables: Sequence[str]) -> list[str]:
    """What the template makes of a system message."""
    try:
        rendered(tokenizer, [SYSTEM, *TALK])
    except EngineError as error:
        why, cure = str(error).split("\n  ")
        if tables:
            raise EngineError(f"{why}; there are some in {', '.join(tables)}\n  {cure}") from error
        return [why]
    return []


def _tokens(tokenizer: Any, whole: str, ends: set[int]) -> list[str]:
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


def _end_of_turn(tokenizer: Any, whole: str, ends: set[int]) -> int:
    """The token after an answer at which generation stops; raises `EngineError` where another one ends the turn."""
    special = {*ends, *tokenizer.all_special_ids, *tokenizer.added_tokens_decoder}

    def after(answer: Message) -> list[int]:
        ids = _ids(tokenizer, whole.partition(answer["content"])[2])
        return list(takewhile(lambda one: one in special, dropwhile(lambda one: one not in special, ids)))

    found = after(ANSWER)
    if not found:
        raise _fault("ends an answer with no token of its own", "generation could not stop: add EOS to its end")
    end = next((one for one in found if one in ends), None)
    if end is None:
        spelt, eos = tokenizer.convert_ids_to_tokens(found[0]), tokenizer.eos_token
        raise _fault(
            f"ends a turn with {spelt!r}, but generation stops at {eos!r}",
            f"set eos_token to {spelt!r} in tokenizer_config.json, or list its id in the generation_config.json of "
            "train_sft.base",
        )
    if end not in after(TALK[1]):
        spelt = tokenizer.convert_ids_to_tokens(end)
        raise _fault(f"ends only the last answer with {spelt!r}", "SFT learns from earlier ones too: end each with it")
    return int(end)


def _refuse_wrong_mask(tokenizer: Any, end: int) -> None:
    made = tokenizer.apply_chat_template(
        [*TALK, ANSWER],
        tokenize=True,
        return_dict=True,
        return_assistant_tokens_mask=True,
        chat_template=_marked(tokenizer),
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


def _marked(tokenizer: Any) -> str | None:
    """TRL's own version, with marks, of a public template that has none, as SFT takes it; else null."""
    from trl.chat_template_utils import get_training_chat_template, has_generation_markers

    if has_generation_markers(tokenizer.chat_template):
        return None
    try:
        marked: str | None = get_training_chat_template(tokenizer)
    except ValueError:  # it knows none
        return None
    return marked


def _ids(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def _fault(what: str, cure: str) -> EngineError:
    return EngineError(f"the chat template {what}\n  {cure}")
