"""What transformers loads from a folder or the hub: safetensors, none of its code, and each fault in one line."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from rlhf_data.errors import EngineError

DTYPES = {"fp32": "float32", "bf16": "bfloat16"}

AGAIN = "fetch it again; a kind of model that is newer than this transformers needs another version"
FETCH = "a folder needs `dvc repro` or `dvc pull`; a hub id needs the network and, for a gated model, `hf auth login`"
# what transformers says: the fault in our words, and the way out
KNOWN = {
    "trust_remote_code": (
        "brings code of its own",
        "such code is never run here: name a model that transformers knows",
    ),
    "instantiate the backend tokenizer": (
        "has no tokenizer",
        "put tokenizer.json and tokenizer_config.json there, as `save_pretrained` of its tokenizer does",
    ),
}


def model(
    family: Any, path: str | Path, precision: str, attention: str, revision: str | None, **more: Any
) -> tuple[Any, set[str]]:
    """A model, and the names of its parameters that the checkpoint lacks: they are random.

    Raises `EngineError` as `loaded` does.
    """

    def load() -> Any:
        return family.from_pretrained(
            str(path),
            dtype=DTYPES[precision],
            attn_implementation=attention,
            revision=revision,
            trust_remote_code=False,  # None would ask a person, and run what a stranger wrote
            use_safetensors=True,
            output_loading_info=True,
            **more,
        )

    found, said = loaded(load, path)
    return found, set(said["missing_keys"])


def refuse_random(missing: Collection[str], path: str | Path, cure: str) -> None:
    """Raises `EngineError` where a checkpoint lacks parameters."""
    if missing:
        raise EngineError(f"{path}: lacks {len(missing)} of the model's weights, {min(missing)} for one\n  {cure}")


def loaded(load: Any, path: str | Path) -> Any:
    """What `load` gives; raises `EngineError`, one line and a way out, for all that goes wrong."""
    try:
        return load()
    except Exception as error:  # each library has errors of its own for files that are cut, or of a newer kind
        said = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:300]
        why, cure = f"cannot be loaded: {type(error).__name__}: {said}", AGAIN
        if isinstance(error, OSError):
            no_folder = "Repo id must be" in said  # neither is it a hub id
            why, cure = f"no checkpoint to be had: {'there is no such folder' if no_folder else said}", FETCH
        for marker, (named, way_out) in KNOWN.items():
            if marker in str(error):
                why, cure = named, way_out
        raise EngineError(f"{path}: {why}\n  {cure}") from error
