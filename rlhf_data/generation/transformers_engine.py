"""Completions by `transformers.generate`, on a CPU or one GPU."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from rlhf_data.inference import batching
from rlhf_data.inference.protocols import Completion, Request
from rlhf_data.inference.requests import TokenizedRequest, of_requests
from rlhf_data.models import checkpoints
from rlhf_data.params.loop import GenerateParams

WINDOW_BATCHES = 16  # sorted by length together, so that like lengths meet; bounds memory, decides no response


class TransformersGenerator:
    """Batches of like prompt length through `transformers.generate`."""

    def __init__(self, policy: Path, section: GenerateParams) -> None:
        from transformers import GenerationConfig

        self._tokenizer = checkpoints.tokenizer(policy)
        self._model = checkpoints.on_device(checkpoints.causal(policy, precision=section.precision))
        self._ends = checkpoints.end_ids(self._tokenizer, self._model.generation_config)
        self._model.generation_config = GenerationConfig(
            max_new_tokens=section.max_tokens,
            do_sample=False,  # the noise below makes the highest logit a sample
            eos_token_id=sorted(self._ends),
            pad_token_id=self._tokenizer.pad_token_id,
        )
        self._section = section

    def generate(self, requests: Iterable[Request]) -> Iterator[tuple[int, Completion]]:
        """As `Generator.generate`, in batches of like prompt length."""
        size = self._section.batch_size
        waiting = of_requests(requests, self._tokenizer, self._section)
        while window := sorted(
            islice(waiting, size * WINDOW_BATCHES), key=lambda tokenized: (len(tokenized.ids), tokenized.position)
        ):
            for start in range(0, len(window), size):
                batch = window[start : start + size]
                yield from zip((tokenized.position for tokenized in batch), self._batch(batch), strict=True)

    def _batch(self, batch: list[TokenizedRequest]) -> list[Completion]:
        import torch

        inputs = batching.padded([tokenized.ids for tokenized in batch], self._tokenizer, "left", self._model.device)
        with torch.inference_mode():
            written = self._model.generate(
                **inputs, logits_processor=[_gumbel_noise([tokenized.request for tokenized in batch])]
            )
        answers = written[:, inputs["input_ids"].shape[1] :].tolist()
        return [self._response(ids) for ids in answers]

    def _response(self, ids: list[int]) -> Completion:
        end = next((place for place, token in enumerate(ids) if token in self._ends), None)
        text = self._tokenizer.decode(ids[:end], skip_special_tokens=True)
        return Completion(text, len(ids), "length") if end is None else Completion(text, end + 1, "stop")


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
