"""Completions by vLLM's engine, on GPUs or with its CPU build."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from rlhf_data.errors import EngineError
from rlhf_data.inference import openai_client, vllm_library
from rlhf_data.inference.protocols import Completion, Request
from rlhf_data.inference.requests import TokenizedRequest, checked, of_requests
from rlhf_data.models import checkpoints, folders, loading
from rlhf_data.params.loop import GenerateParams


class VllmGenerator:
    """vLLM's engine: continuous batching, and the prompt's KV cache shared by its K completions.

    New requests start as others finish, so none waits for the slowest of a batch. With `data_parallel` vLLM itself
    distributes the requests over the copies of the model.
    """

    def __init__(self, policy: Path, section: GenerateParams) -> None:
        _refuse_missing_devices(section)
        folders.weights(policy)  # refuses pickles, and files that are cut, before vLLM starts
        vllm = vllm_library.load("generate.engine", copies=section.data_parallel)
        from vllm.usage.usage_lib import UsageContext

        async def opened() -> Any:  # inside the event loop that will run it
            arguments = vllm.AsyncEngineArgs(**vllm_arguments(policy, section))
            return vllm.AsyncLLMEngine.from_engine_args(arguments, usage_context=UsageContext.LLM_CLASS)

        self._tokenizer = checkpoints.tokenizer(policy)
        self._section = section
        self._runner = asyncio.Runner()
        weakref.finalize(self, self._runner.close)
        self._engine = self._runner.run(opened())
        weakref.finalize(self, self._engine.shutdown)  # the last to come is the first to run
        self._calls = 0

    def generate(self, requests: Iterable[Request]) -> Iterator[tuple[int, Completion]]:
        """As `Generator.generate`; as many requests are under way as vLLM has room for."""
        self._calls += 1  # vLLM wants names that no two requests under way share
        call = self._calls

        async def answer(tokenized: TokenizedRequest) -> tuple[int, Completion]:
            sampling = vllm_sampling(
                self._section, temperature=tokenized.request.temperature, seed=tokenized.request.seed
            )
            prompt = {"prompt_token_ids": tokenized.ids}
            async for output in self._engine.generate(prompt, sampling, f"{call}-{tokenized.position}"):
                (found,) = output.outputs  # one output: only the finished response is asked for
            return tokenized.position, checked(found.text, len(found.token_ids), found.finish_reason)

        copies = self._section.data_parallel
        limit = 2 * copies * self._engine.vllm_config.scheduler_config.max_num_seqs  # as many wait as run
        waiting = of_requests(requests, self._tokenizer, self._section)
        yield from openai_client.as_they_finish(self._runner, waiting, answer, limit=limit)


def vllm_arguments(policy: Path | str, section: GenerateParams) -> dict[str, Any]:
    """Engine arguments of vLLM."""
    import torch

    arguments = {
        "model": str(policy),
        "load_format": "safetensors",
        "trust_remote_code": False,
        "dtype": loading.DTYPES[section.precision],
        "max_model_len": section.max_model_len,
        "tensor_parallel_size": section.tensor_parallel,
        "data_parallel_size": section.data_parallel,
        "gpu_memory_utilization": section.gpu_memory_utilization,
        "enable_prefix_caching": True,
        "seed": 0,  # unused: every request has its own
        "disable_log_stats": True,
        "use_tqdm_on_load": False,
    }
    if not torch.cuda.is_available():
        # A prompt that is cut in two makes vLLM 0.32 wind a seed's generator back, which a CPU's cannot
        arguments["enable_chunked_prefill"] = False
        # small models, whose steps cost what Python does around them: 1.3 times the tokens per second of 256 at once
        arguments |= {"max_num_seqs": -(-1024 // section.data_parallel), "max_num_batched_tokens": 8192}
    return arguments


def vllm_sampling(section: GenerateParams, *, temperature: float, seed: int) -> Any:
    """Sampling parameters of one request; vLLM adds the end ids of generation_config.json."""
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    return SamplingParams(
        temperature=temperature,
        max_tokens=section.max_tokens,
        seed=seed,
        top_p=1.0,
        top_k=0,
        output_kind=RequestOutputKind.FINAL_ONLY,
    )


def _refuse_missing_devices(section: GenerateParams) -> None:
    import torch

    wanted = section.tensor_parallel * section.data_parallel
    if found := torch.cuda.device_count():
        devices = f"{found} GPUs"
    else:  # copies of a model may share the cores of a CPU
        cores = len(vllm_library.cores())
        found = cores if section.tensor_parallel == 1 else 1
        devices = f"no GPU and {cores} cores"
    if wanted > found:
        raise EngineError(
            f"generate.tensor_parallel {section.tensor_parallel} x data_parallel {section.data_parallel} need {wanted} "
            f"GPUs (or, for data_parallel alone, cores), and this machine has {devices}\n  lower them, or run "
            "`vllm serve` across machines and set generate.engine: openai"
        )
