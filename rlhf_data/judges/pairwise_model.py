"""The pairwise preference model as a judge: P(A) against P(B) at the end of the instruction (paper, section 2.1)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rlhf_data.inference import batching
from rlhf_data.inference.protocols import ResponsePair
from rlhf_data.judges import pairwise_template
from rlhf_data.models import checkpoints
from rlhf_data.params.judges import PairwiseJudge

Ids = tuple[int, ...]


class PairwiseModel:
    """A causal LM trained to answer A or B; the two letters' probabilities are renormalised (released code)."""

    def __init__(self, model: Path, judge: PairwiseJudge) -> None:
        self._tokenizer = checkpoints.tokenizer(model)
        self._letters = list(pairwise_template.letter_ids(self._tokenizer))
        self._model = checkpoints.for_inference(checkpoints.causal(model, precision=judge.precision), self._tokenizer)
        self._batches = batching.Batches("the judge's batch_tokens", judge.batch_tokens)
        self._max_length = judge.max_length

    def prefer(self, comparisons: Sequence[ResponsePair]) -> list[float]:
        """As `Judge.prefer`, in batches of like length; too long instructions are cut as in training.

        Raises `EngineError` where memory does not hold a single instruction.
        """
        import torch
        from tqdm import tqdm

        ids = pairwise_template.instruction_ids(comparisons, self._tokenizer, max_length=self._max_length)
        rows = [tuple(row) for row in ids]
        distinct, found = set(rows), dict[Ids, float]()
        with torch.inference_mode(), tqdm(total=len(distinct), desc="judge", unit="comparison") as progress:

            def forward(batch: list[Ids]) -> None:
                found.update(zip(batch, self._first(batch), strict=True))
                progress.update(len(batch))

            longest = f"instruction of at most {self._max_length} tokens"
            with batching.out_of_memory_of(longest, "lower the judge's max_length, or judge with precision: bf16"):
                self._batches.run(distinct, len, forward)
        return [found[row] for row in rows]

    def _first(self, rows: list[Ids]) -> list[float]:
        """P(A) of each row, in one forward pass."""
        # padded on the left, so that all end at the last position, whose logits alone are computed
        inputs = batching.padded(rows, self._tokenizer, "left", self._model.device)
        letters = batching.last_logits(self._model, inputs)[:, -1, self._letters].float().log_softmax(dim=1)
        return [float(p) for p in letters[:, 0].exp()]
