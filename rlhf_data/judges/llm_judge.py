"""LLM judge: a chat model is asked, without training, which response is better (paper, section 2.1)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rlhf_data.errors import EngineError
from rlhf_data.inference import batching
from rlhf_data.inference.protocols import Judge, ResponsePair
from rlhf_data.judges import llm_judge_folder, llm_judge_prompt, pairwise_template
from rlhf_data.judges.llm_judge_openai import ServedLlmJudge
from rlhf_data.models import chat_template, checkpoints
from rlhf_data.params.judges import LlmJudge

Ids = tuple[int, ...]


def open_llm_judge(judge: LlmJudge, model: Path) -> Judge:
    """The judge that a section describes; `model` is the folder that stage `llm_judge` made, or any checkpoint."""
    named = llm_judge_folder.named(judge, model)
    if judge.engine == "openai":
        return ServedLlmJudge(judge)
    return LocalLlmJudge(judge, named["model"], named["revision"]) if named else LocalLlmJudge(judge, model, None)


class LocalLlmJudge:
    """A chat model run by transformers."""

    def __init__(self, judge: LlmJudge, model: Path | str, revision: str | None) -> None:
        self._judge = judge
        self._tokenizer: Any = checkpoints.tokenizer(model, revision)
        self._letters = _letters(self._tokenizer) if judge.verdict == "logits" else []
        loaded = checkpoints.causal(model, precision=judge.precision, revision=revision)
        self._model = checkpoints.for_inference(loaded, self._tokenizer)
        self._batches = batching.Batches("the judge's batch_size", judge.batch_size, "rows")

    def prefer(self, comparisons: Sequence[ResponsePair]) -> list[float]:
        """As `Judge.prefer`; prompts that are too long get no verdict, and are counted.

        Raises `EngineError` where memory does not hold a single prompt.
        """
        import torch
        from tqdm import tqdm

        asked = [llm_judge_prompt.question(one) for one in comparisons]
        texts = [chat_template.rendered(self._tokenizer, one, add_generation_prompt=True) for one in asked]
        rows = [tuple(ids) for ids in self._tokenizer(texts, add_special_tokens=False)["input_ids"]] if texts else []
        distinct = {row for row in rows if len(row) <= self._judge.max_length}
        found = dict[Ids, float]()
        answer = self._letter if self._judge.verdict == "logits" else self._written
        with torch.inference_mode(), tqdm(total=len(distinct), desc="judge", unit="comparison") as progress:

            def forward(batch: list[Ids]) -> None:
                # padded on the left, so that all end where the answer begins
                inputs = batching.padded(batch, self._tokenizer, "left", self._model.device)
                found.update(zip(batch, answer(inputs), strict=True))
                progress.update(len(batch))

            longest = f"prompt of at most {self._judge.max_length} tokens"
            with batching.out_of_memory_of(longest, "lower the judge's max_length, or judge with precision: bf16"):
                self._batches.run(distinct, len, forward)
        answers = [found.get(row, math.nan) for row in rows]
        if lost := llm_judge_prompt.lost(answers, too_long=sum(row not in found for row in rows)):
            print(lost, flush=True)
        return answers

    def _letter(self, inputs: Any) -> list[float]:
        logits = batching.last_logits(self._model, inputs)
        both = logits[:, -1, self._letters].double().log_softmax(dim=1)
        return [llm_judge_prompt.probability((first, second)) for first, second in both.tolist()]

    def _written(self, inputs: Any) -> list[float]:
        from transformers import GenerationConfig

        ends = checkpoints.end_ids(self._tokenizer, self._model.generation_config)
        likeliest = GenerationConfig(
            max_new_tokens=self._judge.max_tokens,
            do_sample=False,
            eos_token_id=sorted(ends),
            pad_token_id=self._tokenizer.pad_token_id,
        )
        written = self._model.generate(**inputs, generation_config=likeliest)[:, inputs["input_ids"].shape[1] :]
        return [llm_judge_prompt.read(text) for text in self._tokenizer.batch_decode(written, skip_special_tokens=True)]


def _letters(tokenizer: Any) -> list[int]:
    try:
        return list(pairwise_template.letter_ids(tokenizer))
    except EngineError as error:
        raise EngineError(f"{error}\n  an LLM judge may also write its answer: verdict: text") from error
