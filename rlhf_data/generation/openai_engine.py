"""Completions from a running server that speaks OpenAI's API."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from rlhf_data.errors import EngineError
from rlhf_data.inference import openai_client
from rlhf_data.inference.protocols import Completion, Request
from rlhf_data.inference.requests import TokenizedRequest, checked, of_requests
from rlhf_data.models import checkpoints
from rlhf_data.params.loop import GenerateParams

NOTHING = Completion("", 0, "stop")  # where the server would not answer


class OpenaiGenerator:
    """A server that speaks OpenAI's API and serves the policy under its path, as `data/models/iter1`.

    The key, where the server wants one, is in OPENAI_API_KEY. Rate limits and broken connections are retried by the
    `openai` library.
    """

    def __init__(self, policy: Path, section: GenerateParams) -> None:
        self._tokenizer = checkpoints.tokenizer(policy)
        self._model = str(policy)
        self._section = section
        with openai_client.client(section.endpoint) as (runner, client):
            runner.run(self._refuse_other_models(client))

    async def _refuse_other_models(self, client: Any) -> None:
        from openai import OpenAIError

        try:
            served = [model.id async for model in client.models.list()]
        except OpenAIError as error:
            raise self._failed(error) from error
        if self._model not in served:
            raise EngineError(
                f"{self._section.endpoint} serves {', '.join(served) or 'no model'}, not {self._model}\n"
                f"  {self._serve_command()}"
            )

    def _serve_command(self) -> str:
        return (
            f"vllm serve {self._model} --served-model-name {self._model} --max-model-len {self._section.max_model_len}"
        )

    def _failed(self, error: Exception) -> EngineError:
        return EngineError(
            f"generate.endpoint {self._section.endpoint}: {openai_client.cause(error)}\n"
            f"  is the server running and healthy? {self._serve_command()}"
        )

    def generate(self, requests: Iterable[Request]) -> Iterator[tuple[int, Completion]]:
        """As `Generator.generate`; raises `EngineError` where the server fails."""
        waiting = of_requests(requests, self._tokenizer, self._section)
        refusals = openai_client.Refusals(self._section.batch_size)
        with openai_client.client(self._section.endpoint) as (runner, client):
            answer = partial(self._answer, client, refusals)
            yield from openai_client.as_they_finish(runner, waiting, answer, limit=self._section.batch_size)
        if why := refusals.all():
            raise self._failed(EngineError(why))
        if said := str(refusals):
            print(f"generate: {said}; their responses are empty, and join no pair", flush=True)

    async def _answer(
        self, client: Any, refusals: openai_client.Refusals, tokenized: TokenizedRequest
    ) -> tuple[int, Completion]:
        from openai import BadRequestError, OpenAIError

        try:
            answer = await client.chat.completions.create(
                model=self._model,
                messages=tokenized.request.prompt,
                seed=tokenized.request.seed,
                temperature=tokenized.request.temperature,
                max_tokens=self._section.max_tokens,
                top_p=1.0,
                # a server's defaults are those of the checkpoint's generation_config.json
                extra_body={"top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0},
            )
        except BadRequestError as error:  # of this prompt: others may be answered
            if refusals.refused(openai_client.cause(error)):
                return tokenized.position, NOTHING
            raise self._failed(error) from error
        except (OpenAIError, ValueError) as error:  # the library hands broken JSON on as it is
            raise self._failed(error) from error
        try:
            (choice,), usage = answer.choices, answer.usage
            text, reason = choice.message.content or "", choice.finish_reason
        except (AttributeError, TypeError, ValueError) as error:  # JSON of another layout, or no JSON
            said = openai_client.line(str(answer))
            raise self._failed(EngineError(f"its answer is no chat completion: {said!r}")) from error
        if usage is None or usage.completion_tokens < 0:
            raise EngineError(
                f"{self._section.endpoint} does not say how many tokens it wrote (`usage`); use vLLM's server"
            )
        if reason == "content_filter":
            refusals.refused("content_filter")
            return tokenized.position, NOTHING
        refusals.answered()
        return tokenized.position, checked(text, usage.completion_tokens, reason)
