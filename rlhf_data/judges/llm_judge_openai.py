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

REFUSED, TOO_LONG = object(), object()  # instead of an answer: the server would not, or could not, read these texts
REASONING = "a model that reasons wants reasoning: true, with verdict: text"
NO_PARAMETER = dict.fromkeys(("logprobs", "top_logprobs"), "ask for verdict: text")
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
        if answer is TOO_LONG:
            self._refusals.answered()
            return place, None
        try:
            choice = openai_client.choice(answer)
            if why := openai_client.withheld(choice):
                self._refusals.filtered(why)
                return place, math.nan
            verdict = self._verdict(choice)
        except EngineError as error:
            raise self._failed(str(error)) from error
        except (AttributeError, IndexError, TypeError, ArithmeticError) as error:  # log-probabilities of another layout
            said = openai_client.line(str(answer))
            raise self._failed(f"its answer is no chat completion: {said!r}") from error
        self._refusals.answered()
        return place, verdict

    async def _answer(self, client: Any, messages: list[Message]) -> Any:
        from openai import APIStatusError, BadRequestError, OpenAIError, RateLimitError

        how = self._how()
        try:
            return await client.chat.completions.create(model=self._judge.model, messages=messages, **how)
        except RateLimitError as error:
            raise self._failed(openai_client.cause(error), "lower the judge's batch_size, or wait") from error
        except (OpenAIError, *openai_client.NO_JSON) as error:
            why = openai_client.cause(error)
            if isinstance(error, APIStatusError) and openai_client.is_filtered(error):
                self._refusals.filtered(why)
                return REFUSED
            if isinstance(error, BadRequestError):
                if error.code == "context_length_exceeded" or "maximum context length" in str(error):
                    return TOO_LONG
                if name := openai_client.refused_parameter(error, how):
                    raise self._failed(f"takes no {name}: {why}", NO_PARAMETER.get(name, REASONING)) from error
                if self._refusals.refused(why):
                    return REFUSED
            raise self._failed(why) from error

    def _how(self) -> dict[str, Any]:
        """What a request asks for beside its messages."""
        if self._judge.reasoning:  # such models draw at a temperature of their own, and count their thoughts
            return {"max_completion_tokens": self._judge.max_tokens}
        if self._judge.verdict == "logits":
            return {"logprobs": True, "top_logprobs": TOP, "max_tokens": 1, "temperature": 0.0}
        return {"max_tokens": self._judge.max_tokens, "temperature": 0.0}

    def _verdict(self, choice: Any) -> float:
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
