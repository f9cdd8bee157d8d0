"""A language model that is asked which response is better: a checkpoint by transformers, or a running server's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rlhf_data.errors import EngineError
from rlhf_data.inference import memory
from rlhf_data.inference.protocols import Comparison, Judge
from rlhf_data.judges import llm_judge_folder, llm_judge_prompt, pairwise_template
from rlhf_data.judges.llm_judge_openai import ServedJudge
from rlhf_data.models import checkpoints
from rlhf_data.params.judges import LlmJudge

Ids = tuple[int, ...]


def open_prompted(judge: LlmJudge, model: Path) -> Judge:
    """The judge that a section describes; `model` is what `judge_models.save` made, or any checkpoint's folder."""
    named = llm_judge_folder.named(judge, model)
    if judge.engine == "openai":
        return ServedJudge(judge)
    return LocalJudge(judge, named["model"], named["revision"]) if named else LocalJudge(judge, model, None)


class LocalJudge:
    """A checkpoint by transformers."""

    def __init__(self, judge: LlmJudge, model: Path | str, revision: str | None) -> None:
        import torch

        self._judge = judge
        self._tokens: Any = checkpoints.tokenizer(model, revision)
        self._letters = _letters(self._tokens) if judge.verdict == "logits" else []
        self._model: Any = checkpoints.causal(model, precision=judge.precision, revision=revision)
        checkpoints.fit_embeddings(self._model, self._tokens)
        self._model.to("cuda" if torch.cuda.is_available() else "cpu").eval()

    def prefer(self, comparisons: Sequence[Comparison]) -> list[float]:
        """As `Judge.prefer`; prompts that are too long get no verdict, and are counted."""
        import torch
        from tqdm import tqdm

        asked = [llm_judge_prompt.question(one) for one in comparisons]
        texts = [self._tokens.apply_chat_template(one, tokenize=False, add_generation_prompt=True) for one in asked]
        rows = [tuple(ids) for ids in self._tokens(texts, add_special_tokens=False)["input_ids"]] if texts else []
        ahead = sorted({row for row in rows if len(row) <= self._judge.max_length}, key=len, reverse=True)
        size, found = self._judge.batch_size, dict[Ids, float]()
        answer = self._letter if self._judge.verdict == "logits" else self._written
        with torch.inference_mode(), tqdm(total=len(ahead), desc="judge", unit="comparison") as progress:
            for start in range(0, len(ahead), size):
                batch = ahead[start : start + size]
                found.update(zip(batch, self._in_memory(answer, batch), strict=True))
                progress.update(len(batch))
        answers = [found.get(row, math.nan) for row in rows]
        if lost := llm_judge_prompt.lost(answers, too_long=sum(row not in found for row in rows)):
            print(lost, flush=True)
        return answers

    def _in_memory(self, answer: Any, batch: list[Ids]) -> list[float]:
        # padded on the left, so that all end where the answer begins
        inputs = self._tokens.pad({"input_ids": [list(row) for row in batch]}, padding_side="left", return_tensors="pt")
        try:
            found: list[float] = answer(inputs.to(self._model.device))
        except (RuntimeError, MemoryError) as error:
            if not memory.out_of_memory(error):
                raise
            raise EngineError(
                f"memory does not hold {len(batch)} prompts of {len(batch[0])} tokens at once\n"
                "  lower the judge's batch_size, or judge with precision: bf16"
            ) from error
        return found

    def _letter(self, inputs: Any) -> list[float]:
        positions = (inputs["attention_mask"].cumsum(dim=1) - 1).clamp(min=0)
        logits = self._model(**inputs, position_ids=positions, use_cache=False, logits_to_keep=1).logits
        both = logits[:, -1, self._letters].double().log_softmax(dim=1)
        return [llm_judge_prompt.probability((first, second)) for first, second in both.tolist()]

    def _written(self, inputs: Any) -> list[float]:
        from transformers import GenerationConfig

        ends = checkpoints.end_ids(self._tokens, self._model.generation_config)
        likeliest = GenerationConfig(
            max_new_tokens=self._judge.max_tokens,
            do_sample=False,
            eos_token_id=sorted(ends),
            pad_token_id=self._tokens.pad_token_id,
        )
        written = self._model.generate(**inputs, generation_config=likeliest)[:, inputs["input_ids"].shape[1] :]
        return [llm_judge_prompt.read(text) for text in self._tokens.batch_decode(written, skip_special_tokens=True)]


def _letters(tokens: Any) -> list[int]:
    try:
        return list(pairwise_template.letter_ids(tokens))
    except EngineError as error:
        raise EngineError(f"{error}\n  a prompted judge may also write its answer: verdict: text") from error
