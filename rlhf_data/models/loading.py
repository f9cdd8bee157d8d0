"""What transformers loads from a folder or the hub: safetensors, none of its code, and each fault in one line."""

from __future__ import annotations

import math
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

from rlhf_data.errors import EngineError, RlhfDataError
from rlhf_data.models import folders
from rlhf_data.models.folders import AGAIN, FETCH

DTYPES = {"fp32": "float32", "bf16": "bfloat16"}
BYTES = {"fp32": 4, "bf16": 2}
GIB = 2**30
FEW = 1000  # layers, experts or labels that are made at once, whatever the weights
SLACK = 2  # times the weights of its files that a model may have: heads that are new, parts that are stored once

# of a hub's repository: no code, no pickles, and none of the copies that others' formats have of the weights
FILES = ["*.json", "*.jinja", "*.model", "*.txt"]
WEIGHTS = ["*.safetensors"]
COPIES = ["*/*", "consolidated*"]
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


def opened(path: str | Path, revision: str | None, *, weights: bool = True) -> Path:
    """The folder of a checkpoint, in which nothing is strange; of a hub id, what is fetched of it.

    Raises `EngineError` where there is none, or something is.
    """
    folder = Path(path)
    if not folder.is_dir():
        from huggingface_hub import snapshot_download

        wanted = FILES + WEIGHTS if weights else FILES
        folder = Path(
            loaded(
                lambda: snapshot_download(str(path), revision=revision, allow_patterns=wanted, ignore_patterns=COPIES),
                path,
            )
        )
    folders.refuse_strange(folder)
    return folder


def model(
    family: Any, path: str | Path, precision: str, attention: str | None, revision: str | None, **more: Any
) -> tuple[Any, set[str]]:
    """A model, and the names of its parameters that the checkpoint lacks: they are random.

    `attention` None is sdpa, or eager where the model has no other. Raises `EngineError` as `loaded` does, and where
    the model is not the size of its weights.
    """
    folder = opened(path, revision)
    shapes = folders.weights(folder)
    folders.refuse_counts(folder, max(FEW, len(shapes)))
    bare = loaded(lambda: _without_weights(family, folder, **more), path)
    size = sum(parameter.numel() for parameter in bare.parameters())
    _refuse_size(path, size, sum(map(math.prod, shapes.values())), precision)
    how = _attention(type(bare), attention, path)

    def load() -> Any:
        return family.from_pretrained(
            str(folder),
            dtype=DTYPES[precision],
            attn_implementation=how,
            trust_remote_code=False,  # None would ask a person, and run what a stranger wrote
            use_safetensors=True,
            output_loading_info=True,
            **more,
        )

    found, said = loaded(load, path)
    return found, set(said["missing_keys"])


def refuse_unknown(folder: Path, path: str | Path) -> None:
    """Raises `EngineError` where transformers knows no model of the folder's config.json; loads none."""
    from transformers import AutoConfig

    loaded(lambda: AutoConfig.from_pretrained(str(folder), trust_remote_code=False), path)


def _without_weights(family: Any, folder: Path, **more: Any) -> Any:
    """The model as config.json describes it, its parameters without memory; draws no random number."""
    import torch
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(str(folder), trust_remote_code=False, **more)
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        return family.from_config(config, attn_implementation="eager", trust_remote_code=False)


def _refuse_size(path: str | Path, parameters: int, stored: int, precision: str) -> None:
    if parameters > SLACK * stored:
        raise EngineError(
            f"{path}: config.json describes {parameters} parameters, and its files hold {stored}\n  {AGAIN}"
        )
    needed, there = parameters * BYTES[precision], os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > there:
        raise EngineError(
            f"{path}: takes {needed / GIB:.0f} GiB in {precision}, and this machine has {there / GIB:.0f}\n"
            "  load it on a larger machine, or name a smaller model"
        )


def _attention(kind: Any, wanted: str | None, path: str | Path) -> str:
    if wanted == "sdpa" and not kind._supports_sdpa:
        raise EngineError(f"{path}: {kind.__name__} has no attention: sdpa\n  set attention: eager for it")
    return wanted or ("sdpa" if kind._supports_sdpa else "eager")


def refuse_random(missing: Collection[str], path: str | Path, cure: str) -> None:
    """Raises `EngineError` where a checkpoint lacks parameters."""
    if missing:
        raise EngineError(f"{path}: lacks {len(missing)} of the model's weights, {min(missing)} for one\n  {cure}")


def loaded(load: Any, path: str | Path) -> Any:
    """What `load` gives; raises `EngineError`, one line and a way out, for all that goes wrong."""
    try:
        return load()
    except RlhfDataError:
        raise
    except Exception as error:  # each library has errors of its own for files that are cut, or of a newer kind
        said = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:300]
        why, cure = f"cannot be loaded: {type(error).__name__}: {said}", AGAIN
        no_folder = "Repo id must be" in said  # neither is it a hub id
        if isinstance(error, OSError) or no_folder:
            why, cure = f"no checkpoint to be had: {'there is no such folder' if no_folder else said}", FETCH
        for marker, (named, way_out) in KNOWN.items():
            if marker in str(error):
                why, cure = named, way_out
        raise EngineError(f"{path}: {why}\n  {cure}") from error
