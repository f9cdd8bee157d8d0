"""Reward models that score responses, by transformers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rlhf_data import models
from rlhf_data.engines import Scorer
from rlhf_data.schemas import Message
from rlhf_data.sections import ScoreParams
from rlhf_data.tokenization import conversation_ids


def open_scorer(reward: Path, section: ScoreParams, *, max_length: int) -> Scorer:
    """The reward model at a checkpoint; `max_length` as it was trained with."""
    return TransformersScorer(reward, section, max_length=max_length)


class TransformersScorer:
    """Batches of like length, as many rows as `batch_tokens` holds."""

    def __init__(self, reward: Path, section: ScoreParams, *, max_length: int) -> None:
        import torch

        self._tokens = models.tokenizer(reward)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self._model: Any = models.reward(reward, precision=section.precision).to(device).eval()
        self._section = section
        self._max_length = max_length

    def score(self, conversations: Sequence[list[Message]]) -> list[float]:
        import torch
        from tqdm import tqdm

        ids = conversation_ids(
            [turns[:-1] for turns in conversations],
            [turns[-1]["content"] for turns in conversations],
            self._tokens,
            self._max_length,
        )
        rewards = [float("nan")] * len(ids)
        with torch.inference_mode(), tqdm(total=len(ids), desc="score", unit="response") as progress:
            for places in batches([len(row) for row in ids], self._section.batch_tokens):
                inputs = self._tokens.pad(
                    {"input_ids": [ids[place] for place in places]}, padding_side="right", return_tensors="pt"
                )
                logits = self._model(**inputs.to(self._model.device)).logits[:, 0].float().tolist()
                for place, reward in zip(places, logits, strict=True):
                    rewards[place] = reward
                progress.update(len(places))
        return rewards


def batches(lengths: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    """Places in order of length, grouped so that rows × longest row stays within `batch_tokens`."""
    batch: list[int] = []
    for place in sorted(range(len(lengths)), key=lambda place: (lengths[place], place)):
        if batch and (len(batch) + 1) * lengths[place] > batch_tokens:
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch
