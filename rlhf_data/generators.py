"""Policies that answer, by transformers (CPU or one GPU), vLLM (GPUs, or its CPU build) or a server that is running.

Each response is drawn with a seed of its own, so that it does not depend on batch, order or device count. All engines
draw from softmax(logits / T) as it is, without top-k, top-p or penalties (paper, section 3.3), whatever the
checkpoint's generation_config.json advises; and all end a turn at the tokenizer's end of turn or at one that this file
names.
"""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import groupby, islice
from pathlib import Path
from typing import Any, NamedTuple

from rlhf_data import models, serving, vllm_library
from rlhf_data.engines import Generator, Request, Response
from rlhf_data.errors import EngineError, PromptError
from rlhf_data.schemas import Message
from rlhf_data.sections import GenerateParams

RETRIES = 2  # of the `openai` library, which waits longer each time
WINDOW_BATCHES = 16  # sorted by length together, so that like lengths meet; bounds memory, decides no response


def open_generator(policy: Path, section: GenerateParams) -> Generator:
    """The policy at a checkpoint, on the engine that the section names."""
    if section.engine == "vllm":
        return VllmGenerator(policy, section)
    if section.engine == "openai":
        return OpenaiGenerator(policy, section)
    return TransformersGenerator(policy, section)


def refuse_long(policy: Path, section: GenerateParams, prompts: Iterable[list[Message]]) -> None:
    """Raises `PromptError`, with their number, if prompts leave no room for a whole response; loads no model."""
    tokens = models.tokenizer(policy)
    room = section.max_model_len - section.max_tokens
    fits = [len(_ids(prompt, tokens)) <= room for prompt in prompts]
    if long := fits.count(False):
        raise _too_long(f"{long} of {len(fits)} prompts have", section)


class Job(NamedTuple):
    """A request, its place, and its prompt as token ids."""

    place: int
    request: Request
    ids: list[int]


class TransformersGenerator:
    """Batches of like prompt length through `transformers.generate`."""

    def __init__(self, policy: Path, section: GenerateParams) -> None:
        import torch
        from transformers import GenerationConfig

        self._tokens = models.tokenizer(policy)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self._model: Any = models.causal(policy, precision=section.precision).to(device).eval()
        self._ends = models.end_ids(self._tokens, self._model.generation_config)
        self._model.generation_config = GenerationConfig(
            max_new_tokens=section.max_tokens,
            do_sample=False,  # the noise below makes the highest logit a sample
            eos_token_id=sorted(self._ends),
            pad_token_id=self._tokens.pad_token_id,
        )
        self._section = section

    def generate(self, requests: Iterable[Request]) -> Iterator[tuple[int, Response]]:
        size = self._section.batch_size
        jobs = _jobs(requests, self._tokens, self._section)
        while window := sorted(islice(jobs, size * WINDOW_BATCHES), key=lambda job: (len(job.ids), job.place)):
            for start in range(0, len(window), size):
                batch = window[start : start + size]
                yield from zip((job.place for job in batch), self._batch(batch), strict=True)

    def _batch(self, batch: list[Job]) -> list[Response]:
        import torch

        inputs = self._tokens.pad({"input_ids": [job.ids for job in batch]}, padding_side="left", return_tensors="pt")
        with torch.inference_mode():
            written = self._model.generate(
                **inputs.to(self._model.device), logits_processor=[_gumbel_noise([job.request for job in batch])]
            )
        answers = written[:, inputs["input_ids"].shape[1] :].tolist()
        return [self._response(ids) for ids in answers]

    def _response(self, ids: list[int]) -> Response:
        end = next((place for place, token in enumerate(ids) if token in self._ends), None)
        text = self._tokens.decode(ids[:end], skip_special_tokens=True)
        return Response(text, len(ids), "length") if end is None else Response(text, end + 1, "stop")


class VllmGenerator:
    """vLLM's engine in processes of its own: continuous batching, and a prompt's cache shared by its K responses.

    Its queue never runs dry while there are requests, so no response waits for the slowest of a batch. With
    `data_parallel` vLLM itself deals the requests to the copies of the model.
    """

    def __init__(self, policy: Path, section: GenerateParams) -> None:
        _refuse_missing_devices(section)
        vllm = vllm_library.load("generate.engine", copies=section.data_parallel)
        from vllm.usage.usage_lib import UsageContext

        async def opened() -> Any:  # inside the event loop that will run it
            arguments = vllm.AsyncEngineArgs(**vllm_arguments(policy, section))
            return vllm.AsyncLLMEngine.from_engine_args(arguments, usage_context=UsageContext.LLM_CLASS)

        self._tokens = models.tokenizer(policy)
        self._section = section
        self._runner = asyncio.Runner()
        weakref.finalize(self, self._runner.close)
        self._engine = self._runner.run(opened())
        weakref.finalize(self, self._engine.shutdown)  # the last to come is the first to run
        self._calls = 0

    def generate(self, requests: Iterable[Request]) -> Iterator[tuple[int, Response]]:
        self._calls += 1  # vLLM wants names that no two requests under way share
        call = self._calls

        async def answer(job: Job) -> tuple[int, Response]:
            sampling = vllm_sampling(self._section, temperature=job.request.temperature, seed=job.request.seed)
            prompt = {"prompt_token_ids": job.ids}
            async for output in self._engine.generate(prompt, sampling, f"{call}-{job.place}"):
                (found,) = output.outputs  # one output: only the finished response is asked for
            return job.place, _checked(found.text, len(found.token_ids), found.finish_reason)

        copies = self._section.data_parallel
        limit = 2 * copies * self._engine.vllm_config.scheduler_config.max_num_seqs  # as many wait as run
        jobs = _jobs(requests, self._tokens, self._section)
        yield from serving.as_they_finish(self._runner, jobs, answer, limit=limit)


def vllm_arguments(policy: Path | str, section: GenerateParams) -> dict[str, Any]:
    """vLLM's engine arguments."""
    import torch

    arguments = {
        "model": str(policy),
        "dtype": models.DTYPES[section.precision],
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
        # small models, whose steps cost what Python does around them: 1.3 times the tokens a second of 256 at once
        arguments |= {"max_num_seqs": -(-1024 // section.data_parallel), "max_num_batched_tokens": 8192}
    return arguments


def vllm_sampling(section: GenerateParams, *, temperature: float, seed: int) -> Any:
    """vLLM's sampling parameters of one response; to these it adds the end ids of generation_config.json."""
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


class OpenaiGenerator:
    """A server that speaks OpenAI's API and serves the policy under its path, as `data/models/iter1`.

    The key, where the server wants one, is in OPENAI_API_KEY. Rate limits and broken connections are tried again as the
    `openai` library does.
    """

    def __init__(self, policy: Path, section: GenerateParams) -> None:
        self._tokens = models.tokenizer(policy)
        self._model = str(policy)
        self._section = section
        with serving.client(section.endpoint, retries=RETRIES) as (runner, client):
            runner.run(self._refuse_other_models(client))

    async def _refuse_other_models(self, client: Any) -> None:
        from openai import OpenAIError

        try:
            served = [model.id async for model in client.models.list()]
        except OpenAIError as error:
            raise self._failed(error) from error
        if self._model not in served:
            raise EngineError(
                f"{self._section.endpoint} serves {', '.join(served) or 'no model'}, not {self._model}\n"
                f"  {self._serve_command()}"
            )

    def _serve_command(self) -> str:
        return (
            f"vllm serve {self._model} --served-model-name {self._model} --max-model-len {self._section.max_model_len}"
        )

    def _failed(self, error: Exception) -> EngineError:
        return EngineError(
            f"generate.endpoint {self._section.endpoint}: {serving.cause(error)}\n"
            f"  is the server running and healthy? {self._serve_command()}"
        )

    def generate(self, requests: Iterable[Request]) -> Iterator[tuple[int, Response]]:
        jobs = _jobs(requests, self._tokens, self._section)
        with serving.client(self._section.endpoint, retries=RETRIES) as (runner, client):
            answer = partial(self._answer, client)
            yield from serving.as_they_finish(runner, jobs, answer, limit=self._section.batch_size)

    async def _answer(self, client: Any, job: Job) -> tuple[int, Response]:
        from openai import OpenAIError

        try:
            answer = await client.chat.completions.create(
                model=self._model,
                messages=job.request.prompt,
                seed=job.request.seed,
                temperature=job.request.temperature,
                max_tokens=self._section.max_tokens,
                top_p=1.0,
                # a server's defaults are those of the checkpoint's generation_config.json
                extra_body={"top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0},
            )
        except OpenAIError as error:
            raise self._failed(error) from error
        if answer.usage is None:
            raise EngineError(
                f"{self._section.endpoint} does not say how many tokens it wrote (`usage`); use vLLM's server"
            )
        (choice,) = answer.choices
        return job.place, _checked(choice.message.content or "", answer.usage.completion_tokens, choice.finish_reason)


def _refuse_missing_devices(section: GenerateParams) -> None:
    import torch

    wanted = section.tensor_parallel * section.data_parallel
    if found := torch.cuda.device_count():
        devices = f"{found} GPUs"
    else:  # copies of a model may share the cores of a CPU
        found = len(os.sched_getaffinity(0)) if section.tensor_parallel == 1 else 1
        devices = f"no GPU and {len(os.sched_getaffinity(0))} cores"
    if wanted > found:
        raise EngineError(
            f"generate.tensor_parallel {section.tensor_parallel} x data_parallel {section.data_parallel} need {wanted} "
            f"GPUs (or, for data_parallel alone, cores), and this machine has {devices}\n  lower them, or run "
            "`vllm serve` across machines and set generate.engine: openai"
        )


def _jobs(requests: Iterable[Request], tokens: Any, section: GenerateParams) -> Iterator[Job]:
    room = section.max_model_len - section.max_tokens
    for prompt, placed in groupby(enumerate(requests), key=lambda one: one[1].prompt):  # K in a row share their ids
        ids = _ids(prompt, tokens)
        for place, request in placed:
            if len(ids) > room:
                raise _too_long(f"the prompt of request {place} has", section)
            yield Job(place, request, ids)


def _ids(prompt: list[Message], tokens: Any) -> list[int]:
    text = tokens.apply_chat_template(prompt, add_generation_prompt=True, tokenize=False)
    ids: list[int] = tokens(text, add_special_tokens=False)["input_ids"]
    return ids


def _too_long(which: str, section: GenerateParams) -> PromptError:
    room = section.max_model_len - section.max_tokens
    return PromptError(
        f"{which} more than {room} tokens, chat template included: with generate.max_tokens {section.max_tokens} they "
        f"pass generate.max_model_len {section.max_model_len}\n"
        "  lower prompts.max_tokens, and the prompts stage will reject them on the record"
    )


def _checked(text: str, tokens: int, finish_reason: str | None) -> Response:
    if finish_reason == "stop":
        return Response(text, tokens, "stop")
    if finish_reason == "length":
        return Response(text, tokens, "length")
    raise EngineError(f"the engine ended a response with {finish_reason!r}; wanted is stop or length: look at its log")


def _gumbel_noise(requests: list[Request]) -> Any:
    """A logits processor: argmax(logits / T + Gumbel noise) is an exact draw from softmax(logits / T).

    Noise is numpy's: torch's generators on a CPU read 32 bits of a seed and take four times as long. It is drawn in
    float64, because one float32 in ten million would be an exact 0, which makes its token the answer, however unlikely.
    """
    import numpy as np
    import torch

    rows = [np.random.default_rng(request.seed) for request in requests]
    temperatures = torch.tensor([[request.temperature] for request in requests])

    def add(input_ids: Any, logits: Any) -> Any:
        noise = np.empty(logits.shape)
        for row, drawn in zip(rows, noise, strict=True):
            row.standard_exponential(out=drawn)
        gumbel = -torch.from_numpy(noise).float().log_()
        return logits.float() / temperatures.to(logits.device) + gumbel.to(logits.device)

    return add
