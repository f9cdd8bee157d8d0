"""Engines that answer many requests at once, and the client of a running server that speaks OpenAI's API.

Its key, where it wants one, is in OPENAI_API_KEY and nowhere else.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, TypeVar

from rlhf_data.errors import EngineError

RETRIES = 5
QUOTED = 300  # characters of a server's words in a message

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
    """The error, its cause and a line of what the server said, without the API key."""
    body = getattr(error, "body", None)
    text = getattr(error, "doc", "") or (body if isinstance(body, str) else "")
    said = f"{error} ({error.__cause__})" if error.__cause__ else f"{error}"
    return without_key(f"{said}: {line(text)!r}" if text else said)


class Refusals:
    """Requests that a server refused for what they say (400, a content filter), which are answered by nothing.

    Where it refuses the first `limit` of them all, the fault is not in what they say.
    """

    def __init__(self, limit: int) -> None:
        self._limit, self._refused, self._answered = limit, list[str](), 0

    def answered(self) -> None:
        """Notes that a request was answered."""
        self._answered += 1

    def refused(self, why: str) -> bool:
        """Notes a refusal; whether it is one of a request, and not one more of a server that refuses all."""
        self._refused.append(line(why))
        return self._answered > 0 or len(self._refused) < self._limit

    def __str__(self) -> str:
        """How many were refused, and what the first was told; empty where none was."""
        if not self._refused:
            return ""
        return (
            f"{len(self._refused)} of {len(self._refused) + self._answered} refused by the server: {self._refused[0]}"
        )

    def all(self) -> str:
        """What the first was told, where every request was refused; else empty."""
        return "" if self._answered or not self._refused else self._refused[0]


def line(said: str) -> str:
    """The first line of a server's words, without the key, and not too long to read."""
    lines = [one.strip() for one in without_key(said).splitlines() if one.strip()]
    return lines[0][:QUOTED] if lines else ""


def without_key(said: str) -> str:
    """A server's words, which may repeat the key, without it."""
    key = os.environ.get("OPENAI_API_KEY")
    return said.replace(key, "<key>") if key else said


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
