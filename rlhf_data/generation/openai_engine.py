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
        except (
            OpenAIError,
            AttributeError,
            TypeError,
            *openai_client.NO_JSON,
        ) as error:  # it answers, and not with a list
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

    def _failed(self, error: Exception, cure: str = "is the server running and healthy?") -> EngineError:
        return EngineError(
            f"generate.endpoint {self._section.endpoint}: {openai_client.cause(error)}\n"
            f"  {cure} {self._serve_command()}"
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
        from openai import APIStatusError, BadRequestError, OpenAIError

        how = {"seed": tokenized.request.seed, "temperature": tokenized.request.temperature, "top_p": 1.0}
        how |= {"max_tokens": self._section.max_tokens}
        # a server's defaults are those of the checkpoint's generation_config.json
        more = {"top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0}
        try:
            answer = await client.chat.completions.create(
                model=self._model, messages=tokenized.request.prompt, extra_body=more, **how
            )
        except (OpenAIError, *openai_client.NO_JSON) as error:
            if isinstance(error, APIStatusError) and openai_client.is_filtered(error):
                refusals.filtered(openai_client.cause(error))
                return tokenized.position, NOTHING
            if isinstance(error, BadRequestError):  # of this prompt: others may be answered
                if name := openai_client.refused_parameter(error, [*how, *more]):
                    raise self._failed(
                        error, f"it takes no {name}, which decides what is sampled: use vLLM's"
                    ) from error
                if refusals.refused(openai_client.cause(error)):
                    return tokenized.position, NOTHING
            raise self._failed(error) from error
        try:
            choice = openai_client.choice(answer)
        except EngineError as error:
            raise self._failed(error) from error
        if why := openai_client.withheld(choice):
            refusals.filtered(why)
            return tokenized.position, NOTHING
        tokens = getattr(answer.usage, "completion_tokens", None)
        if type(tokens) is not int or tokens < 0:
            raise EngineError(
                f"{self._section.endpoint} does not say how many tokens it wrote (`usage`)\n  use vLLM's server"
            )
        refusals.answered()
        return tokenized.position, checked(openai_client.text(choice), tokens, choice.finish_reason)
