"""Judges: a reward model read pairwise, a pairwise preference model by transformers, a prompted language model.

A verdict depends on the comparison as it is shown, and on nothing else: batches decide only the time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rlhf_data.errors import EngineError
from rlhf_data.inference import memory
from rlhf_data.inference.protocols import Comparison, Judge, Scorer
from rlhf_data.judges import pairwise_template, reward_model
from rlhf_data.models import checkpoints
from rlhf_data.params.judges import Judge as JudgeParams
from rlhf_data.params.judges import PairwiseJudge, RewardJudge, ScoreParams
from rlhf_data.schemas import Message

Ids = tuple[int, ...]


def open_judge(model: Path, judge: JudgeParams, *, score: ScoreParams, max_length: int) -> Judge:
    """The judge that a section describes, with its model; `score` and `max_length` are those of a reward model."""
    if isinstance(judge, RewardJudge):
        return RewardDifference(reward_model.open_scorer(model, score, max_length=max_length))
    if isinstance(judge, PairwiseJudge):
        return PairwiseModel(model, judge)
    from rlhf_data.judges import llm_judge

    return llm_judge.open_prompted(judge, model)


class RewardDifference:
    """Bradley–Terry: P(first is better) = σ(reward of first − reward of second) (paper, section 2.1)."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer

    def prefer(self, comparisons: Sequence[Comparison]) -> list[float]:
        """As `Judge.prefer`; the order in which two responses are shown is nothing to a reward model."""
        told = [_told(one.prompt, response) for one in comparisons for response in (one.first, one.second)]
        rewards = self._scorer.score(told)
        return [_sigmoid(first - second) for first, second in zip(rewards[::2], rewards[1::2], strict=True)]


class PairwiseModel:
    """P(A) against P(B) at the end of the instruction, renormalised over the two letters (released code)."""

    def __init__(self, model: Path, judge: PairwiseJudge) -> None:
        import torch

        self._tokens = checkpoints.tokenizer(model)
        self._letters = list(pairwise_template.letter_ids(self._tokens))
        self._model: Any = checkpoints.causal(model, precision=judge.precision)
        checkpoints.fit_embeddings(self._model, self._tokens)
        self._model.to("cuda" if torch.cuda.is_available() else "cpu").eval()
        self._batch_tokens = judge.batch_tokens
        self._max_length = judge.max_length

    def prefer(self, comparisons: Sequence[Comparison]) -> list[float]:
        """As `Judge.prefer`, in batches of like length; too long instructions are cut as in training.

        Raises `EngineError` where memory does not hold a batch.
        """
        import torch
        from tqdm import tqdm

        ids = pairwise_template.instruction_ids(comparisons, self._tokens, max_length=self._max_length)
        rows = [tuple(row) for row in ids]
        ahead = sorted(set(rows), key=len, reverse=True)
        found = dict[Ids, float]()
        with torch.inference_mode(), tqdm(total=len(ahead), desc="judge", unit="comparison") as progress:
            while ahead:
                batch = ahead[: max(1, self._batch_tokens // len(ahead[0]))]
                found.update(zip(batch, self._first(batch), strict=True))
                ahead = ahead[len(batch) :]
                progress.update(len(batch))
        return [found[row] for row in rows]

    def _first(self, rows: list[Ids]) -> list[float]:
        """P(A) of each row, in a forward pass of all."""
        # padded on the left, so that all end at the last place, whose logits alone are computed
        inputs = self._tokens.pad({"input_ids": [list(row) for row in rows]}, padding_side="left", return_tensors="pt")
        inputs = inputs.to(self._model.device)
        positions = (inputs["attention_mask"].cumsum(dim=1) - 1).clamp(min=0)
        try:
            logits = self._model(**inputs, position_ids=positions, use_cache=False, logits_to_keep=1).logits
        except (RuntimeError, MemoryError) as error:
            if not memory.out_of_memory(error):
                raise
            raise EngineError(
                f"memory does not hold {len(rows)} instructions of {len(rows[0])} tokens at once\n"
                "  lower the judge's batch_tokens, or judge with precision: bf16"
            ) from error
        letters = logits[:, -1, self._letters].float().log_softmax(dim=1)
        return [float(p) for p in letters[:, 0].exp()]


def _told(prompt: list[Message], response: str) -> list[Message]:
    return [*prompt, {"role": "assistant", "content": response}]


def _sigmoid(x: float) -> float:
    return 0.5 * (1 + math.tanh(x / 2))  # overflows nowhere
