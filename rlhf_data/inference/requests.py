"""Requests as every engine draws them, their prompts as token ids, and its answers as responses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, NamedTuple

from rlhf_data.errors import EngineError, PromptError
from rlhf_data.inference.protocols import Request, Response
from rlhf_data.params.loop import GenerateParams
from rlhf_data.schemas import Message


class Job(NamedTuple):
    """A request, its place, and its prompt as token ids."""

    place: int
    request: Request
    ids: list[int]


def of_requests(requests: Iterable[Request], tokens: Any, section: GenerateParams) -> Iterator[Job]:
    """The requests in order; raises `PromptError` at one whose prompt leaves no room for a whole response."""
    room = section.max_model_len - section.max_tokens
    for prompt, placed in groupby(enumerate(requests), key=lambda one: one[1].prompt):  # K in a row share their ids
        ids = prompt_ids(prompt, tokens)
        for place, request in placed:
            if len(ids) > room:
                raise too_long(f"the prompt of request {place} has", section)
            yield Job(place, request, ids)


def prompt_ids(prompt: list[Message], tokens: Any) -> list[int]:
    """A prompt through the chat template, up to where the policy begins to write."""
    text = tokens.apply_chat_template(prompt, add_generation_prompt=True, tokenize=False)
    ids: list[int] = tokens(text, add_special_tokens=False)["input_ids"]
    return ids


def too_long(which: str, section: GenerateParams) -> PromptError:
    """What is raised where prompts (`which`, with their verb) leave no room."""
    room = section.max_model_len - section.max_tokens
    return PromptError(
        f"{which} more than {room} tokens, chat template included: with generate.max_tokens {section.max_tokens} they "
        f"pass generate.max_model_len {section.max_model_len}\n"
        "  lower prompts.max_tokens, and the prompts stage will reject them on the record"
    )


def checked(text: str, tokens: int, finish_reason: str | None) -> Response:
    """An engine's answer; raises `EngineError` where it ended for another reason than its end or the token limit."""
    if finish_reason == "stop":
        return Response(text, tokens, "stop")
    if finish_reason == "length":
        return Response(text, tokens, "length")
    raise EngineError(f"the engine ended a response with {finish_reason!r}; wanted is stop or length: look at its log")
