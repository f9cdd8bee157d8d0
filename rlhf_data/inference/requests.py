"""Requests with their prompts as token ids, and completions checked, for every engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, NamedTuple

from jinja2 import TemplateError

from rlhf_data.errors import EngineError, PromptError
from rlhf_data.inference.protocols import Completion, Request
from rlhf_data.params.loop import GenerateParams
from rlhf_data.schemas import Message


class TokenizedRequest(NamedTuple):
    """A request, its position, and its prompt as token ids."""

    position: int
    request: Request
    ids: list[int]


def of_requests(requests: Iterable[Request], tokenizer: Any, section: GenerateParams) -> Iterator[TokenizedRequest]:
    """The requests in order; raises `PromptError` at one whose prompt leaves no room for a whole response."""
    room = section.max_model_len - section.max_tokens
    for prompt, numbered in groupby(enumerate(requests), key=lambda one: one[1].prompt):  # K in a row share their ids
        ids = prompt_ids(prompt, tokenizer)
        for position, request in numbered:
            if len(ids) > room:
                raise too_long(f"the prompt of request {position} has", section)
            yield TokenizedRequest(position, request, ids)


def prompt_ids(prompt: list[Message], tokenizer: Any) -> list[int]:
    """A prompt through the chat template, up to where the policy begins to write; `PromptError` where that fails."""
    try:
        text = tokenizer.apply_chat_template(prompt, add_generation_prompt=True, tokenize=False)
    except TemplateError as error:
        roles = ", ".join(turn["role"] for turn in prompt)
        raise PromptError(
            f"the policy's chat template fails on a prompt ({roles}): {error}\n  leave out prompts of such turns"
        ) from error
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def too_long(which: str, section: GenerateParams) -> PromptError:
    """The error for prompts (`which`, with their verb) that leave no room for a completion."""
    room = section.max_model_len - section.max_tokens
    return PromptError(
        f"{which} more than {room} tokens, chat template included: with generate.max_tokens {section.max_tokens} they "
        f"pass generate.max_model_len {section.max_model_len}\n"
        "  lower prompts.max_tokens, and the prompts stage will reject them on the record"
    )


def checked(text: str, tokens: int, finish_reason: str | None) -> Completion:
    """An engine's completion; raises `EngineError` where it ended for another reason than EOS or the token limit."""
    if finish_reason == "stop":
        return Completion(text, tokens, "stop")
    if finish_reason == "length":
        return Completion(text, tokens, "length")
    raise EngineError(f"the engine ended a response with {finish_reason!r}; wanted is stop or length: look at its log")
