"""`rlhf-data convert`: a GGUF file becomes a folder that a profile can start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rlhf_data import environment
from rlhf_data.errors import StorageError
from rlhf_data.sharing import gguf
from rlhf_data.storage.atomic import atomically


def main(
    source: Annotated[str, typer.Argument(help="A .gguf file, or package:NAME: the one in an installed package.")],
    folder: Annotated[Path, typer.Argument(help="Where to write it, as models/NAME.")],
) -> None:
    """Make a model in a GGUF file a folder of safetensors in fp32, with its tokenizer and chat template."""
    if folder.exists():
        raise StorageError(f"{folder}: is there already\n  name another folder")
    environment.quieten()
    file, models = gguf.found(source), []
    atomically(folder, lambda partial: models.append(gguf.convert(file, partial)))
    (model,) = models
    size = sum(parameter.numel() for parameter in model.parameters())
    print(f"{folder}: {type(model).__name__}, {size / 1e6:.1f}M parameters, from {file.name}")
    print(f"  `train_sft.base: {folder}` and `tokenizer.hub: {folder}` start from it (`train_sft.epochs: 0`: as it is)")
