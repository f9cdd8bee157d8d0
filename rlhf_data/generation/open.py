"""Completions of prompts, by transformers (CPU or one GPU), vLLM (GPUs, or its CPU build) or a running server.

Each response is drawn with a seed of its own, so that it does not depend on batch, order or device count. All engines
draw from softmax(logits / T) as it is, without top-k, top-p or penalties (paper, section 3.3), whatever the
checkpoint's generation_config.json advises; and all end a turn at the tokenizer's end of turn or at one that this file
names.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rlhf_data.errors import ParamsError
from rlhf_data.generation.openai_engine import OpenaiGenerator
from rlhf_data.generation.transformers_engine import TransformersGenerator
from rlhf_data.generation.vllm_engine import VllmGenerator
from rlhf_data.inference import requests
from rlhf_data.inference.protocols import Generator
from rlhf_data.models import checkpoints, folders
from rlhf_data.params.loop import GenerateParams
from rlhf_data.schemas import Message


def open_generator(policy: Path, section: GenerateParams) -> Generator:
    """The policy at a checkpoint, on the engine that the section names."""
    if section.engine == "vllm":
        return VllmGenerator(policy, section)
    if section.engine == "openai":
        return OpenaiGenerator(policy, section)
    return TransformersGenerator(policy, section)


def refuse_long(policy: Path, section: GenerateParams, prompts: Iterable[list[Message]]) -> None:
    """Raises `PromptError`, with their number, if prompts leave no room for a whole response; loads no model.

    Raises `ParamsError` before it looks at a prompt where `max_model_len` is beyond the model's context.
    """
    context = folders.context(policy)
    if context is not None and section.max_model_len > context:
        raise ParamsError(
            f"generate.max_model_len {section.max_model_len} is beyond the context of {policy}, {context} tokens by "
            f"its config.json\n  lower it to {context}"
        )
    tokenizer = checkpoints.tokenizer(policy)
    room = section.max_model_len - section.max_tokens
    fits = [len(requests.prompt_ids(prompt, tokenizer)) <= room for prompt in prompts]
    if long := fits.count(False):
        raise requests.too_long(f"{long} of {len(fits)} prompts have", section)
