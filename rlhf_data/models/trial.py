"""A stranger's chat template and tokenizer, tried in a process of its own before they see a text here.

A template is a program, and a tokenizer's patterns can take for ever: one that loops, or fills memory, on a short
conversation takes down that process alone. What a text of the data would set off is not seen here.
"""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from rlhf_data.errors import EngineError
from rlhf_data.models import tried
from rlhf_data.schemas import Message

SECONDS, MEMORY = 10, 4 * 2**30  # of one trial: CPU time, and bytes of address space
PATIENCE = 12  # times as long on the clock, where the machine does other work
LONGEST = 200_000  # characters of a template
ENDLESS = "does not end within {} s on a short text"

SAID = {
    tried.OUT_OF_MEMORY: f"takes more than {MEMORY // 2**30} GiB of memory on a short text",
    tried.TOO_LONG: f"writes more than {tried.MOST_CHARS} characters for a short conversation",
    tried.TOO_LARGE_ID: f"has a token whose id is above {tried.LARGEST_ID}",
}


def refuse_tokenizer(folder: Path) -> None:
    """Raises `EngineError` where tokenizer.json takes more than a little time and memory on short texts."""
    file = folder / "tokenizer.json"
    if file.exists():
        with file.open("rb") as opened:
            content = hashlib.file_digest(opened, "sha256").hexdigest()
        _refuse(f"{file}: the tokenizer", {"file": str(file.resolve()), "content": content})


def refuse_template(tokenizer: Any, conversations: Sequence[Sequence[Message]]) -> None:
    """Raises `EngineError` where the chat template takes more than a little time and memory on the conversations."""
    template = tokenizer.chat_template
    if len(template) > LONGEST:
        raise EngineError(f"the chat template has {len(template)} characters\n  name another tokenizer")
    asked = {
        "template": template,
        "conversations": [*map(list, conversations)],
        "special": tokenizer.special_tokens_map,
    }
    _refuse("the chat template", asked)


def _refuse(what: str, asked: dict[str, Any]) -> None:
    if why := _fault(json.dumps({**asked, "seconds": SECONDS, "memory": MEMORY})):
        raise EngineError(f"{what} {why}\n  correct it, or name another tokenizer")


@lru_cache(maxsize=16)  # the same tokenizer is loaded several times in one process
def _fault(asked: str) -> str:
    """What goes wrong with what is asked; empty where nothing does."""
    command = [sys.executable, "-I", tried.__file__]
    limit = SECONDS * PATIENCE
    try:
        done = subprocess.run(command, input=asked, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        return ENDLESS.format(SECONDS)
    if done.returncode == 0:
        return ""
    if tried.BEGUN not in done.stdout:
        raise EngineError(f"no tokenizer can be tried: {sys.executable} ends with {done.returncode} before it begins")
    if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        return ENDLESS.format(SECONDS)
    return SAID.get(done.returncode, "breaks down on a short text")
