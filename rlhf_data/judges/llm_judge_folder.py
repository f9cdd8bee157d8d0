"""The folder of an LLM judge, `data/models/prompted`, which its fingerprint is computed from.

It holds a checkpoint, or a judge.json that names what is not copied: a hub id and its commit, or a server and its
model.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from rlhf_data.errors import EngineError
from rlhf_data.models import loading
from rlhf_data.params.judges import LlmJudge

NAMED = "judge.json"


def save(judge: LlmJudge, initial: Path, folder: Path) -> None:
    """Makes the judge's folder: a copy of its checkpoint, or a judge.json in its place."""
    local = initial if judge.model == "iter0" else Path(judge.model)
    if judge.engine == "openai":
        _name({"endpoint": judge.endpoint, "model": judge.model}, folder)
    elif local.is_dir():
        shutil.copytree(loading.opened(local, None), folder)
    elif judge.model.count("/") <= 1:
        _name({"model": judge.model, "revision": judge.revision or _commit(judge.model)}, folder)
    else:
        raise EngineError(f"{local}: no such folder\n  correct the judge's `model` in the params")


def named(judge: LlmJudge, folder: Path) -> dict[str, Any] | None:
    """What the folder's judge.json says; None where it holds a checkpoint.

    Raises `EngineError` where it is of another judge than the section's.
    """
    path = folder / NAMED
    found: dict[str, Any] | None = json.loads(path.read_text()) if path.exists() else None
    server = judge.engine == "openai"
    wanted = {"model": judge.model} | ({"endpoint": judge.endpoint} if server else {})
    if (server or found is not None) and {**(found or {}), "revision": None} != {**wanted, "revision": None}:
        raise EngineError(f"{folder}: made for another judge than the params'\n  `dvc repro llm_judge` makes it again")
    return found


def _name(what: dict[str, Any], folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / NAMED).write_text(json.dumps(what, indent=2) + "\n")


def _commit(hub: str) -> str:
    from huggingface_hub import HfApi

    try:
        found = str(HfApi().model_info(hub).sha)
    except OSError as error:
        raise EngineError(f"{hub}: no folder, and the hub does not give it: {error}\n  name its `revision`") from error
    print(f"{hub}: at commit {found}; `revision: {found}` would pin it", flush=True)
    return found
