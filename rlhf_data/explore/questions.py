"""Questions in SQL that readers of the page ask: few at once, and each ends when who asked it leaves."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from rlhf_data.errors import TableError
from rlhf_data.explore import reading

if TYPE_CHECKING:
    from starlette.requests import Request

AT_ONCE = 2
LOOK = 0.25  # seconds between two looks whether who asked has left
ROWS = 200  # shown of an answer


class Questions:
    """Those that are being answered about a project."""

    def __init__(self, project: Path) -> None:
        self._project = project
        self._open: set[threading.Event] = set()

    async def answer(self, request: Request, at: str | None, query: str) -> reading.Answer:
        """The first rows of the answer; raises `TableError`, one line, where nothing answers, or too many ask."""
        if len(self._open) >= AT_ONCE:
            raise TableError(f"query: {len(self._open)} others are being answered; ask again in a moment")
        left = threading.Event()
        self._open.add(left)
        try:
            asked = asyncio.to_thread(reading.sql, self._project, at, query, most=ROWS, stop=left.is_set)
            work = asyncio.create_task(asked)
            while not (await asyncio.wait([work], timeout=LOOK))[0]:
                if await request.is_disconnected():
                    left.set()
            return work.result()
        finally:
            left.set()
            self._open.remove(left)
