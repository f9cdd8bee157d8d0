"""LLM judge behind OpenAI's chat API: any server that speaks it, read by log-probabilities or by text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from typing import Any

from rlhf_data.errors import EngineError
from rlhf_data.inference import openai_client
from rlhf_data.inference.protocols import ResponsePair
from rlhf_data.judges import llm_judge_prompt
from rlhf_data.params.judges import LlmJudge
from rlhf_data.schemas import Message

REFUSED: Any = object()  # instead of an answer: the server would not read these texts
TOP = 20  # tokens whose log-probabilities a server is asked for: as many as OpenAI's and vLLM's give


class ServedLlmJudge:
    """A chat model on a server that speaks OpenAI's API."""

    def __init__(self, judge: LlmJudge) -> None:
        self._judge = judge
        self._refusals = openai_client.Refusals(judge.batch_size)

    def prefer(self, comparisons: Sequence[ResponsePair]) -> list[float]:
        """As `Judge.prefer`; prompts that are too long for the server get no verdict, and are counted."""
        from tqdm import tqdm

        asked = ((place, llm_judge_prompt.question(one)) for place, one in enumerate(comparisons))
        with openai_client.client(self._judge.endpoint) as (runner, client):
            some = openai_client.as_they_finish(runner, asked, partial(self._ask, client), limit=self._judge.batch_size)
            with closing(some) as answers:
                answered = dict(tqdm(answers, total=len(comparisons), desc="judge", unit="comparison"))
        found = [answered[place] for place in range(len(comparisons))]
        verdict = [math.nan if p is None else p for p in found]
        if why := self._refusals.all():
            raise self._failed(why)
        for said in (llm_judge_prompt.lost(verdict, too_long=found.count(None)), f"{self._refusals}"):
            if said:
                print(said, flush=True)
        return verdict

    async def _ask(self, client: Any, job: tuple[int, list[Message]]) -> tuple[int, float | None]:
        """The place, and P(A); None where the prompt is too long."""
        place, messages = job
        answer = await self._answer(client, messages)
        if answer is REFUSED:
            return place, math.nan
        try:
            verdict = None if answer is None else self._verdict(answer.choices[0])
        except (AttributeError, IndexError, TypeError) as error:  # JSON of another layout, or no JSON
            raise self._failed(f"its answer is no chat completion: {openai_client.line(str(answer))!r}") from error
        self._refusals.answered()
        return place, verdict

    async def _answer(self, client: Any, messages: list[Message]) -> Any:
        from openai import BadRequestError, OpenAIError, RateLimitError

        by_letter = {"logprobs": True, "top_logprobs": TOP, "max_tokens": 1}
        how: dict[str, Any] = by_letter if self._judge.verdict == "logits" else {"max_tokens": self._judge.max_tokens}
        how["temperature"] = 0.0
        if self._judge.reasoning:  # such models draw at a temperature of their own, and count their thoughts
            how = {"max_completion_tokens": self._judge.max_tokens}
        try:
            return await client.chat.completions.create(model=self._judge.model, messages=messages, **how)
        except RateLimitError as error:
            raise self._failed(openai_client.cause(error), "lower the judge's batch_size, or wait") from error
        except BadRequestError as error:
            if error.code == "context_length_exceeded" or "maximum context length" in str(error):
                return None
            if self._refusals.refused(openai_client.cause(error)):
                return REFUSED
            raise self._failed(openai_client.cause(error)) from error
        except (OpenAIError, ValueError) as error:  # the library hands broken JSON on as it is
            raise self._failed(openai_client.cause(error)) from error

    def _verdict(self, choice: Any) -> float:
        if choice.finish_reason == "content_filter":
            return math.nan
        if self._judge.verdict == "text":
            return llm_judge_prompt.read(choice.message.content or "")
        if not choice.logprobs or not choice.logprobs.content:
            raise self._failed("its answers have no log-probabilities", "ask for verdict: text")
        letters: dict[str, list[float]] = {"A": [], "B": []}
        for one in choice.logprobs.content[0].top_logprobs:
            letters.get(one.token.strip(), []).append(one.logprob)  # with or without a space before it
        return llm_judge_prompt.probability((_sum(letters["A"]), _sum(letters["B"])))

    def _failed(self, why: str, remedy: str = "is the server running, and does it serve this model?") -> EngineError:
        return EngineError(f"judge {self._judge.model} at {self._judge.endpoint}: {why}\n  {remedy}")


def _sum(logps: list[float]) -> float:
    return math.log(sum(map(math.exp, logps))) if any(map(math.exp, logps)) else -math.inf
