"""What a model's folder holds, looked at before a library loads any of it.

A folder may be anybody's: its files are its own, its weights are safetensors, and its settings name no code, no other
model and no size that its weights do not have.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rlhf_data.errors import EngineError

AGAIN = "fetch it again; a kind of model that is newer than this transformers needs another version"
FETCH = "a folder needs `dvc repro` or `dvc pull`; a hub id needs the network and, for a gated model, `hf auth login`"
CONFIG, GENERATION, ADAPTER, INDEX = (
    "config.json",
    "generation_config.json",
    "adapter_config.json",
    "model.safetensors.index.json",
)
SETTINGS = (CONFIG, GENERATION, INDEX, "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".h5", ".msgpack", ".npz")
LARGEST = 2**27  # bytes of a file of settings
# stores of files by the hash of what is in them, as DVC's cache and the hub's, which folders may link to
STORE = re.compile(r"/[0-9a-f]{2}/[0-9a-f]{30}$|/blobs/[0-9a-f]{40}(?:[0-9a-f]{24})?$")
COUNTS = re.compile(r"(^|_)(layers?|blocks|experts|labels)$")  # settings that say how often a part of the model is made
MOST = 10_000  # of any such part
STRANGE: list[tuple[Callable[[str, Any], bool], str]] = [  # settings of config.json, and what is said of them
    (
        lambda key, value: key == "quantization_config",
        "says that its weights are quantised, not fp32 or bf16\n  name the model it was made of",
    ),
    (
        lambda key, value: key.endswith("_implementation") and "/" in json.dumps(value),
        "names code of the hub\n  such code is never run here: take the setting out",
    ),
    (
        lambda key, value: key == "transformers_weights",
        "names other weights\n  call them model.safetensors",
    ),
]
CONTEXTS = ("max_position_embeddings", "n_positions", "max_seq_len")


def refuse_strange(folder: Path) -> None:
    """Raises `EngineError`, one line and its way out, where a folder is not what a model's is."""
    _refuse_links(folder)
    if (folder / ADAPTER).exists():
        raise EngineError(
            f"{folder / ADAPTER}: is an adapter, whose model is elsewhere\n  merge it into its model, and name that one"
        )
    for name in SETTINGS:
        settings(folder, name)
    for key, value in _named(settings(folder, CONFIG)):
        for found, why in STRANGE:
            if value and found(key, value):
                raise EngineError(f"{folder / CONFIG}: {key} {why}")
    refuse_counts(folder, MOST)
    generation_ends(folder)


def settings(folder: Path, name: str) -> dict[str, Any]:
    """A file of settings, empty where there is none; raises `EngineError` where it is no JSON object."""
    path = folder / name
    if not path.exists():
        return {}
    if path.stat().st_size > LARGEST:
        raise EngineError(f"{path}: {path.stat().st_size} bytes of settings, and {LARGEST} are much\n  {AGAIN}")
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise EngineError(f"{path}: no JSON: {' '.join(str(error).split())[:200]}\n  {AGAIN}") from error
    if not isinstance(found, dict):
        raise EngineError(f"{path}: no JSON object\n  {AGAIN}")
    return found


def generation_ends(folder: Path) -> list[int] | None:
    """Ids at which generation_config.json ends a turn; None where there is no such file.

    Raises `EngineError` where they are no ids.
    """
    if not (folder / GENERATION).exists():
        return None
    named = settings(folder, GENERATION).get("eos_token_id")
    ids = [] if named is None else named if isinstance(named, list) else [named]
    if any(type(one) is not int or one < 0 for one in ids):
        raise EngineError(f"{folder / GENERATION}: eos_token_id is no id of a token, nor a list of ids\n  correct it")
    return ids


def context(folder: Path) -> int | None:
    """Tokens that the model's positions hold, by its config.json; None where that names no limit."""
    config = settings(folder, CONFIG)
    config = config["text_config"] if isinstance(config.get("text_config"), dict) else config
    named = next((config[key] for key in CONTEXTS if isinstance(config.get(key), int)), None)
    if named is None:
        return None
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    factor = rope.get("factor") if isinstance(rope, dict) else None
    if not isinstance(factor, int | float) or not math.isfinite(factor):
        return int(named)
    return int(max(named, factor * rope.get("original_max_position_embeddings", named)))


def weights(folder: Path) -> dict[str, tuple[int, ...]]:
    """Shape of each tensor by name, from the headers of the folder's safetensors files.

    Raises `EngineError` where there are none, or one is cut or is another's.
    """
    from safetensors import SafetensorError, safe_open

    shapes = dict[str, tuple[int, ...]]()
    for file in _weight_files(folder):
        try:
            with safe_open(file, framework="np") as tensors:
                shapes |= {name: tuple(tensors.get_slice(name).get_shape()) for name in tensors.keys()}  # noqa: SIM118
        except (SafetensorError, OSError, MemoryError) as error:
            said = " ".join(str(error).split())[:200]
            raise EngineError(f"{file}: no whole safetensors file: {said}\n  {AGAIN}") from error
    return shapes


def refuse_counts(folder: Path, most: int) -> None:
    """Raises `EngineError` where config.json asks for more than `most` layers, experts or labels."""
    for key, value in _named(settings(folder, CONFIG)):
        if COUNTS.search(key) and type(value) is int and value > most:
            raise EngineError(
                f"{folder / CONFIG}: {key} is {value}, and its weights are of {most} at most\n  correct it"
            )


def _refuse_links(folder: Path) -> None:
    root = folder.resolve()
    for path in folder.rglob("*"):
        to = path.resolve()
        if not (to.is_relative_to(root) or STORE.search(str(to))):
            raise EngineError(f"{path}: is a link out of the folder\n  put the file there itself")
        if not (path.is_file() or path.is_dir()):
            raise EngineError(f"{path}: is no file\n  {AGAIN}")


def _weight_files(folder: Path) -> list[Path]:
    single = folder / "model.safetensors"
    if single.exists():
        return [single]
    if not (folder / INDEX).exists():
        pickles = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLES)
        if pickles:
            raise EngineError(
                f"{folder}: its weights are in {pickles[0]}, and such files can run code: safetensors only\n"
                "  save it with `save_pretrained` where you trust it, or name a model that has model.safetensors"
            )
        raise EngineError(f"{folder}: has no weights (model.safetensors)\n  {FETCH}")
    shards = settings(folder, INDEX).get("weight_map")
    names = sorted(set(map(str, shards.values()))) if isinstance(shards, dict) else []
    for name in names:
        if Path(name).name != name or not name.endswith(".safetensors") or not (folder / name).is_file():
            raise EngineError(f"{folder / INDEX}: names {name[:200]!r}, no safetensors file of the folder\n  {AGAIN}")
    if not names:
        raise EngineError(f"{folder / INDEX}: names no weights (weight_map)\n  {AGAIN}")
    return [folder / name for name in names]


def _named(value: Any) -> Iterator[tuple[str, Any]]:
    """Each setting and its value, of settings within settings too."""
    for key, inner in value.items() if isinstance(value, dict) else ():
        yield key, inner
        yield from _named(inner)
