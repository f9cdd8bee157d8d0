"""A model in one GGUF file, as llama.cpp runs it, made an ordinary folder: safetensors, tokenizer, chat template."""

from __future__ import annotations

import importlib.util
import tempfile
from pathlib import Path
from typing import Any

from rlhf_data.errors import EngineError
from rlhf_data.models import checkpoints, loading

PACKAGE = "package:"  # before the name of an installed Python package, which is not imported
SUFFIX = ".gguf"


def found(source: str) -> Path:
    """The GGUF file of a path, or of `package:NAME` the one inside that package; `package:NAME/FILE` names one of many.

    Raises `EngineError` where there is none.
    """
    if not source.startswith(PACKAGE):
        if not (path := Path(source)).is_file():
            raise EngineError(f"{source}: there is no such file\n  name a {SUFFIX} file, or {PACKAGE}NAME")
        return path
    name, _, inside = source.removeprefix(PACKAGE).partition("/")
    spec = importlib.util.find_spec(name) if name.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        hint = name.replace("_", "-")
        raise EngineError(f"{source}: the package is not installed\n  pip install --no-deps {hint}")
    folders = map(Path, spec.submodule_search_locations)
    files = sorted(path for folder in folders for path in folder.rglob(f"*{SUFFIX}"))
    named = [path for path in files if inside in ("", path.name)]
    if len(named) != 1:
        there = ", ".join(path.name for path in files) or "none"
        raise EngineError(f"{source}: names {len(named)} GGUF files\n  there are: {there}")
    return named[0]


def convert(file: Path, folder: Path) -> Any:
    """Writes the model and its tokenizer into an empty folder, with weights in fp32; returns the model.

    Quantised weights become the numbers that they stand for. Raises `EngineError` where it is no GGUF file that
    transformers can open, or has no chat template.
    """
    if importlib.util.find_spec("gguf") is None:
        raise EngineError(f"{file}: GGUF files need the package gguf\n  pip install 'rlhf-data[gguf]'")
    from transformers import AutoModelForCausalLM, AutoTokenizer

    with tempfile.TemporaryDirectory() as alone:  # transformers would read settings that lie beside it
        (Path(alone) / file.name).symlink_to(file.absolute())
        options = {"pretrained_model_name_or_path": alone, "gguf_file": file.name}
        tokenizer = loading.loaded(lambda: AutoTokenizer.from_pretrained(**options, trust_remote_code=False), file)
        model = loading.loaded(
            lambda: AutoModelForCausalLM.from_pretrained(**options, dtype="float32", trust_remote_code=False), file
        )
    model = _plain(AutoModelForCausalLM, model)
    model.generation_config.eos_token_id = model.config.eos_token_id = tokenizer.eos_token_id
    tokenizer.save_pretrained(folder)
    tokenizer = checkpoints.tokenizer(folder)  # with a pad token of its own; raises where it is none to talk with
    checkpoints.fit_embeddings(model, tokenizer)
    checkpoints.save(model, "fp32", folder)
    tokenizer.save_pretrained(folder)
    return model


def _plain(family: Any, model: Any) -> Any:
    """The same weights in a model that transformers does not take for a quantised one, which it would not save."""
    settings = model.config.to_dict()
    settings.pop("quantization_config", None)
    plain = family.from_config(type(model.config).from_dict(settings), dtype=model.dtype, trust_remote_code=False)
    plain.load_state_dict(model.state_dict())
    return plain
