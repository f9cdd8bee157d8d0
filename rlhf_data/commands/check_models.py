"""What `rlhf-data check` finds of models and engines: configs, tokenizers, templates; no weight is loaded."""

from __future__ import annotations

import importlib.util
import math
import re
import socket
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from rlhf_data import masking
from rlhf_data.commands.findings import Finding, fault
from rlhf_data.errors import EngineError, ParamsError, RlhfDataError
from rlhf_data.models import chat_template, checkpoints, folders, loading
from rlhf_data.params import Params, ProjectParams

BYTES = 4  # of a weight in fp32
REPOSITORY = re.compile(r"[\w.-]+(/[\w.-]+)?")


def findings(project: Path, wanted: ProjectParams, profile: Params) -> Iterator[Finding]:
    """Each model that the params name, the context that sections need of it, and the engines."""
    base, judges = profile.train_sft.base, profile.judges
    named: dict[str, tuple[str, str | None, int]] = {}  # by its place in the params: where it is, revision, tokens
    if isinstance(base, str):
        longest = max(profile.train_sft.max_length, profile.train_policy.max_length, profile.generate.max_model_len)
        named["train_sft.base"] = (base, profile.train_sft.revision, longest)
    for place, section in (("reward", profile.train_reward), ("preference", profile.train_preference)):
        if section.base != "iter0":
            named[f"train_{place}.base"] = (section.base, section.revision, section.max_length)
    for name, judge in judges.items():
        if judge.kind == "prompted" and judge.engine != "openai" and judge.model != "iter0":
            named[f"judges.{name}.model"] = (judge.model, judge.revision, judge.max_length)
        if judge.kind == "reward" and judge.model is not None:
            named[f"judges.{name}.model"] = (judge.model, judge.revision, 0)
    for place, (where, revision, tokens) in named.items():
        yield _tried(place, partial(_refuse_model, project, where, revision, tokens))
    if profile.tokenizer.hub is not None:
        yield _tried("tokenizer.hub", partial(_refuse_tokenizer, project, profile))
    yield from _engines(profile)


def size(project: Path, where: str) -> int:
    """Bytes of a model's weights in fp32; 0 where nothing here says it."""
    try:
        shapes = folders.weights(project / where)
    except (RlhfDataError, OSError):
        return 0
    return BYTES * sum(map(math.prod, shapes.values()))


def _tried(place: str, look: Callable[[], None]) -> Finding:
    try:
        look()
    except (RlhfDataError, OSError) as error:
        return fault(place, error)
    return "ok", f"{place}: can be opened"


def _folder(project: Path, where: str, revision: str | None) -> Path:
    """The model's folder; of a hub id, its settings. Raises `EngineError` where it is neither."""
    if (project / where).is_dir():
        return loading.opened(project / where, None)
    if not REPOSITORY.fullmatch(where) or where.startswith("."):
        raise EngineError(f"{where}: there is no such folder\n  correct it, or fetch the model")
    return loading.opened(where, revision, weights=False)  # raises where the hub does not give it


def _refuse_model(project: Path, where: str, revision: str | None, tokens: int) -> None:
    folder = _folder(project, where, revision)
    if folder == project / where:  # of a hub id, only the settings are fetched
        folders.weights(folder)
    loading.refuse_unknown(folder, where)
    context = folders.context(folder)
    if context is not None and tokens > context:
        raise ParamsError(
            f"{where}: its context is {context} tokens, and {tokens} are asked of it\n"
            "  lower max_length, or generate.max_model_len"
        )


def _refuse_tokenizer(project: Path, profile: Params) -> None:
    where, revision = str(profile.tokenizer.hub), profile.tokenizer.revision
    folder = _folder(project, where, revision)
    base = profile.train_sft.base
    local = isinstance(base, str) and (project / base).is_dir()
    chat_template.probe(
        checkpoints.tokenizer(folder),
        ends=checkpoints.generation_ends(project / str(base)) if local else [],
        learns_answers_alone=profile.train_sft.assistant_only_loss,
        systems=(),
    )


def _engines(profile: Params) -> Iterator[Finding]:
    for place, section in (("generate", profile.generate), ("score", profile.score)):
        if section.engine == "vllm" and lacks("vllm"):
            yield "problem", f"{place}.engine: vllm is not installed — pip install 'rlhf-data[vllm]', or transformers"
    endpoints = {"generate.endpoint": profile.generate.endpoint}
    endpoints |= {f"judges.{name}.endpoint": getattr(judge, "endpoint", None) for name, judge in profile.judges.items()}
    for place, endpoint in endpoints.items():
        if endpoint is not None and (why := _unreachable(endpoint)):
            yield "problem", f"{place}: {masking.url(endpoint)} does not answer ({why}) — start the server first"
    trained = ("train_sft", "train_reward", "train_preference", "train_policy")
    for place in trained:
        if getattr(profile, place).attention == "flash_attention_2" and lacks("flash_attn"):
            yield "problem", f"{place}.attention: flash_attention_2 needs the package flash-attn — set it to sdpa"


def lacks(package: str) -> bool:
    """Whether a package is not installed."""
    return importlib.util.find_spec(package) is None


def _unreachable(endpoint: str) -> str:
    found = urlsplit(endpoint)
    try:
        port = found.port or (443 if found.scheme == "https" else 80)
        socket.create_connection((found.hostname or "", port), timeout=3).close()
    except (OSError, ValueError) as error:
        return str(error)
    return ""
