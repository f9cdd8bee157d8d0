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
        found = openai.AsyncOpenAI(base_url=endpoint, api_key=key, max_retries=RETRIES)
        try:
            yield runner, found
        finally:
            runner.run(found.close())


def cause(error: Exception) -> str:
    """The error and its cause, without the API key."""
    return without_key(f"{error} ({error.__cause__})" if error.__cause__ else f"{error}")


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
