"""A stranger's chat template and tokenizer, tried in a process of its own before they see a text here.

A template is a program, and a tokenizer's patterns can take for ever: one that loops, or fills memory, on a short
conversation takes down that process alone. What a text of the data would set off is not seen here.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from rlhf_data.errors import EngineError
from rlhf_data.models import tried
from rlhf_data.schemas import Message

SECONDS, MEMORY = 10, 4 * 2**30  # of one trial: CPU time, and bytes of address space
PATIENCE = 12  # times as long on the clock, where the machine does other work
LONGEST = 200_000  # characters of a template

WHAT = {tried.TEMPLATE: "chat template", tried.TOKENIZER: "tokenizer"}
SAID = {
    tried.OUT_OF_MEMORY: f"takes more than {MEMORY // 2**30} GiB of memory on a short text",
    tried.TOO_LONG: f"writes more than {tried.MOST_CHARS} characters for a short conversation",
    tried.TOO_LARGE_ID: f"has a token whose id is above {tried.LARGEST_ID}",
}


def refuse_endless(tokenizer: Any, conversations: Sequence[Sequence[Message]]) -> None:
    """Raises `EngineError` where template or tokenizer take more than a little time and memory on the conversations."""
    if len(tokenizer.chat_template) > LONGEST:
        raise EngineError(f"the chat template has {len(tokenizer.chat_template)} characters\n  name another tokenizer")
    asked = {
        "tokenizer": tokenizer.backend_tokenizer.to_str() if tokenizer.is_fast else None,
        "template": tokenizer.chat_template,
        "special": tokenizer.special_tokens_map,
        "conversations": [list(one) for one in conversations],
    }
    if why := _fault(json.dumps({**asked, "seconds": SECONDS, "memory": MEMORY})):
        raise EngineError(f"the {why}\n  correct it, or name another tokenizer")


@lru_cache(maxsize=4)  # the same tokenizer is loaded several times in one process
def _fault(asked: str) -> str:
    """What goes wrong with what is asked; empty where nothing does."""
    command = [sys.executable, "-I", tried.__file__]
    limit = SECONDS * PATIENCE
    try:
        done = subprocess.run(command, input=asked, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired as error:
        said, code = (error.stdout or b"").decode(), None
    else:
        said, code = done.stdout, done.returncode
    parts = said.split()
    if code == 0 and tried.DONE in parts:
        return ""
    if not parts:
        raise EngineError(f"a tokenizer could not be tried: {sys.executable} ended with {code} before it began")
    endless = code is None or code in (-9, -24)  # SIGKILL and SIGXCPU: its time was over
    why = f"does not end within {SECONDS} s on a short text" if endless else "breaks down on a short text"
    return f"{WHAT.get(parts[-1], parts[-1])} {SAID.get(code or 0, why)}"
