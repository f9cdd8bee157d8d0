"""Completions by transformers, on a CPU or one GPU."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from rlhf_data.generation.decoding import Decoding
from rlhf_data.inference.protocols import Completion, Request
from rlhf_data.inference.requests import TokenizedRequest, of_requests
from rlhf_data.models import checkpoints
from rlhf_data.params.loop import GenerateParams

WINDOW_BATCHES = 16  # sorted by length together, so that like lengths meet; bounds memory, decides no response
LEAVING = 1 / 8  # of a batch: as many rows leave it together, since the cache of the others is copied then


class TransformersGenerator:
    """Batches of like prompt length; a prompt is computed once for its responses, and none beyond its end."""

    def __init__(self, policy: Path, section: GenerateParams) -> None:
        self._tokenizer = checkpoints.tokenizer(policy)
        self._model = checkpoints.on_device(checkpoints.causal(policy, precision=section.precision))
        self._ends = checkpoints.end_ids(self._tokenizer, self._model.generation_config)
        self._section = section

    def generate(self, requests: Iterable[Request]) -> Iterator[tuple[int, Completion]]:
        """As `Generator.generate`, in batches of like prompt length."""
        size = self._section.batch_size
        waiting = of_requests(requests, self._tokenizer, self._section)
        while window := sorted(
            islice(waiting, size * WINDOW_BATCHES),
            key=lambda tokenized: (len(tokenized.ids), tokenized.ids, tokenized.position),
        ):
            for start in range(0, len(window), size):
                batch = window[start : start + size]
                answers = [self._response(ids) for ids in self._written(batch)]
                yield from zip((tokenized.position for tokenized in batch), answers, strict=True)

    def _written(self, batch: list[TokenizedRequest]) -> list[list[int]]:
        """The token ids of each response, at least up to where it ends."""
        import torch

        written: list[list[int]] = [[] for _ in batch]
        ended: set[int] = set()
        draws = _Draws([tokenized.request for tokenized in batch])
        at = list(range(len(batch)))  # whose response each row is
        with torch.inference_mode():
            rows = Decoding(self._model, self._tokenizer, [tuple(tokenized.ids) for tokenized in batch])
            while True:
                tokens = draws.tokens(at, rows.logits)
                for one, token in zip(at, tokens.tolist(), strict=True):
                    written[one].append(token)
                    if token in self._ends:
                        ended.add(one)
                going = [place for place, one in enumerate(at) if one not in ended]
                if not going or len(written[at[going[0]]]) == self._section.max_tokens:
                    return written
                if rows.can_leave and len(at) - len(going) >= LEAVING * len(at):
                    places = torch.tensor(going, device=tokens.device)
                    rows.keep(places)
                    tokens, at = tokens[places], [at[place] for place in going]
                rows.advance(tokens)

    def _response(self, ids: list[int]) -> Completion:
        end = next((place for place, token in enumerate(ids) if token in self._ends), None)
        text = self._tokenizer.decode(ids[:end], skip_special_tokens=True)
        return Completion(text, len(ids), "length") if end is None else Completion(text, end + 1, "stop")


class _Draws:
    """Samples: argmax(logits / T + Gumbel noise) is an exact draw from softmax(logits / T).

    Noise is numpy's: torch's generators on a CPU read 32 bits of a seed and take four times as long. It is drawn in
    float64, because one float32 in ten million would be an exact 0, which makes its token the answer, however unlikely.
    """

    def __init__(self, requests: list[Request]) -> None:
        import numpy as np
        import torch

        self._noise = [np.random.default_rng(request.seed) for request in requests]
        self._temperatures = torch.tensor([[request.temperature] for request in requests])

    def tokens(self, which: list[int], logits: Any) -> Any:
        """The next token of each of these requests, from its logits (requests, vocabulary)."""
        import numpy as np
        import torch

        noise = np.empty(logits.shape)
        for one, drawn in zip(which, noise, strict=True):
            self._noise[one].standard_exponential(out=drawn)
        gumbel = -torch.from_numpy(noise).float().log_()
        return (logits / self._temperatures[which].to(logits.device) + gumbel.to(logits.device)).argmax(dim=-1)
