"""Engines that answer many requests at once, and the client of a running server that speaks OpenAI's API.

Its key, where it wants one, is in OPENAI_API_KEY and nowhere else.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Collection, Coroutine, Generator, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, TypeVar

from rlhf_data import masking
from rlhf_data.errors import EngineError

RETRIES = 5
NO_JSON = (ValueError, RecursionError)  # of an answer that is broken or too deep: the library hands them on as they are
QUOTED = 300  # characters of a server's words in a message
# what servers call a text that they would not read
FILTERS = ("content_filter", "content_policy_violation", "data_inspection_failed", "invalid_prompt")
FILTERED = re.compile(r"content.{0,12}(filter|polic)|usage polic|flagged", re.IGNORECASE)
UNKNOWN = re.compile(r"unsupported|not supported|unknown|unrecogni[sz]ed|unexpected", re.IGNORECASE)

Work = TypeVar("Work")
Done = TypeVar("Done")


@contextmanager
def client(endpoint: str | None) -> Iterator[tuple[asyncio.Runner, Any]]:
    """A client of the server at `endpoint`, and the event loop that it lives in.

    Broken connections, rate limits and the server's own faults (5xx) are tried again up to `RETRIES` times, by the
    `openai` library: after as long as the server asks, up to a minute, or else after 0.5 to 8 s, longer each time.
    """
    try:
        import openai
    except ImportError as error:
        raise EngineError("engine: openai needs the library\n  pip install openai") from error
    key = os.environ.get("OPENAI_API_KEY") or "none"  # a local server needs none
    with asyncio.Runner() as runner:
        # a redirect would take the key to another host
        http = openai.DefaultAsyncHttpxClient(follow_redirects=False)
        found = openai.AsyncOpenAI(base_url=endpoint, api_key=key, max_retries=RETRIES, http_client=http)
        try:
            yield runner, found
        finally:
            runner.run(found.close())


def cause(error: Exception) -> str:
    """A line of the error and its cause, and one of what the server said, without the API key."""
    body = getattr(error, "body", None)
    text = getattr(error, "doc", "") or (body if isinstance(body, str) else "")
    said = line(f"{error} ({error.__cause__})" if error.__cause__ else f"{error}")
    return f"{said}: {line(text)!r}" if text else said


def is_filtered(error: Any) -> bool:
    """Whether a server refuses a request for what its texts say, so that others may be answered."""
    if error.status_code not in (400, 403, 422):
        return False
    return error.code in FILTERS or FILTERED.search(str(error)) is not None


def refused_parameter(error: Any, asked: Collection[str]) -> str:
    """The parameter, of those that were `asked` for, which a server does not take; empty where it refuses another."""
    if not UNKNOWN.search(f"{error.code} {error}"):
        return ""
    return next((one for one in asked if error.param == one or re.search(rf"\b{one}\b", str(error))), "")


def choice(answer: Any) -> Any:
    """The choice of a chat completion; raises `EngineError`, with a line of what the server said, where it is none."""
    try:
        found = answer.choices[0]
        if not isinstance(found.message.content, str | None) or not isinstance(found.finish_reason, str | None):
            raise TypeError("no text")
    except (AttributeError, IndexError, KeyError, TypeError):  # JSON of another layout, or no JSON
        said = getattr(answer, "error", None) or answer
        said = said.get("message", said) if isinstance(said, dict) else said
        raise EngineError(f"its answer is no chat completion: {line(str(said))!r}") from None
    return found


def text(choice: Any) -> str:
    """What a choice says; half of a surrogate pair, which JSON can spell and no table can hold, is U+FFFD."""
    said: str = choice.message.content or ""
    return said.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def withheld(choice: Any) -> str:
    """Why a choice holds no answer, as the server says it: a filter, or a model that refuses; else empty."""
    if choice.finish_reason == "content_filter":
        return "content_filter"
    refusal = getattr(choice.message, "refusal", None)
    return line(str(refusal)) if refusal and not choice.message.content else ""


class Refusals:
    """Requests that a server refused, which are answered by nothing.

    What is refused for what it says is no fault of the server's. Of other refusals (400) the first `limit` are one,
    where none was answered before.
    """

    def __init__(self, limit: int) -> None:
        self._limit, self._refused, self._answered, self._works = limit, list[str](), 0, False

    def answered(self) -> None:
        """Notes that a request was answered."""
        self._answered += 1
        self._works = True

    def filtered(self, why: str) -> None:
        """Notes that a request was refused for what it says: the server is there, and reads."""
        self._refused.append(line(why))
        self._works = True

    def refused(self, why: str) -> bool:
        """Notes a refusal; whether it is one of a request, and not one more of a server that refuses all."""
        self._refused.append(line(why))
        return self._works or len(self._refused) < self._limit

    def __str__(self) -> str:
        """How many were refused, and what the first was told; empty where none was."""
        if not self._refused:
            return ""
        return (
            f"{len(self._refused)} of {len(self._refused) + self._answered} refused by the server: {self._refused[0]}"
        )

    def all(self) -> str:
        """What the first was told, where a server refused every request and read none; else empty."""
        return "" if self._works or not self._refused else self._refused[0]


def line(said: str) -> str:
    """The first line of a server's words, without the key, control characters and what is too long to read."""
    shown = masking.without_key(said, os.environ.get("OPENAI_API_KEY"))
    first = next((one.strip() for one in shown.splitlines() if one.strip()), "")
    return "".join(one if one.isprintable() else " " for one in first)[:QUOTED]


def as_they_finish(
    runner: asyncio.Runner, work: Iterator[Work], answer: Callable[[Work], Coroutine[Any, Any, Done]], *, limit: int
) -> Generator[Done, None, None]:
    """Results as they are ready; at most `limit` requests run at once."""
    running: set[asyncio.Task[Done]] = set()

    async def some() -> set[asyncio.Task[Done]]:
        return (await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED))[0]

    async def ended() -> None:
        await asyncio.gather(*running, return_exceptions=True)

    try:
        while True:
            for item in islice(work, limit - len(running)):
                running.add(runner.get_loop().create_task(answer(item)))
            if not running:
                return
            for task in runner.run(some()):
                running.remove(task)
                yield task.result()
    finally:
        for task in running:
            task.cancel()
        runner.run(ended())
