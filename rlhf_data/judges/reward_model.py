"""Bradley–Terry reward scoring, by transformers (CPU or one GPU) or vLLM (GPUs, or its CPU build).

A reward is the classifier's raw logit at the last token, whatever the engine. It depends on the conversation
alone: batching and prefix sharing change the time, not the reward.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rlhf_data.inference import batching, memory, vllm_library
from rlhf_data.inference.protocols import Scorer
from rlhf_data.judges import prefix_cache, prompt_groups
from rlhf_data.judges.prefix_cache import Prefix
from rlhf_data.judges.prompt_groups import Group, Ids
from rlhf_data.models import checkpoints, folders, loading
from rlhf_data.models.tokenizers import conversation_ids
from rlhf_data.params.judges import ScoreParams
from rlhf_data.schemas import Message

CACHED = 4  # cached tokens that count as one computed: keys and values are small beside all that a layer computes
SMALL = 8  # groups go together where as many would not fill a batch


def open_scorer(reward: Path, section: ScoreParams, *, max_length: int) -> Scorer:
    """The reward model at a checkpoint, on the engine that the section names; `max_length` as it was trained with."""
    if section.engine == "vllm":
        return VllmScorer(reward, section, max_length=max_length)
    return TransformersScorer(reward, section, max_length=max_length)


class TransformersScorer:
    """Batches of like length, within `batch_tokens`; a prompt is computed once for its K responses if that saves time.

    A batch that memory does not hold is halved, and so are all after it.
    """

    def __init__(self, reward: Path, section: ScoreParams, *, max_length: int) -> None:
        self._tokenizer = checkpoints.tokenizer(reward)
        self._model = checkpoints.for_inference(
            checkpoints.reward(reward, precision=section.precision, new_head=False), self._tokenizer
        )
        self._model.config.get_text_config().pad_token_id = (
            self._tokenizer.pad_token_id
        )  # the head reads before padding
        self._shares = prefix_cache.takes(self._model)
        if self._shares:
            prefix_cache.use(self._model)
        else:
            print(f"{reward}: {type(self._model).__name__} computes every row whole, its prompt included", flush=True)
        if self._model.device.type == "cpu":
            memory.keep_freed()
        self._batch_tokens = section.batch_tokens
        self._batches = batching.Batches("score.batch_tokens", section.batch_tokens)
        self._max_length = max_length

    def score(self, conversations: Sequence[list[Message]]) -> list[float]:
        """As `Scorer.score`; raises `EngineError` where memory does not hold a single conversation."""
        import torch
        from tqdm import tqdm

        rows = _rows(conversations, self._tokenizer, self._max_length)
        whole, shared = list[Ids](), list[Group]()
        for group in prompt_groups.groups([turns[:-1] for turns in conversations], rows, max_length=self._max_length):
            if self._shares and prompt_groups.pays(group):
                shared.append(group)
            else:
                whole.extend(group.rows)

        copies, rewards = Counter(rows), dict[Ids, float]()
        with torch.inference_mode(), tqdm(total=len(rows), desc="score", unit="response") as progress:

            def keep(scored: list[Ids], logits: Any) -> None:
                progress.update(sum(copies[row] for row in scored if row not in rewards))
                rewards.update(zip(scored, logits[:, 0].float().tolist(), strict=True))

            with batching.out_of_memory_of(
                f"conversation of at most {self._max_length} tokens",
                "score with precision: bf16, or with engine: vllm and tensor_parallel over several GPUs",
            ):
                self._batches.run(whole, len, lambda batch: keep(batch, self._whole(batch)))
                self._batches.run(shared, lambda group: group.shared, lambda batch: self._after_prompts(batch, keep))
        return [rewards[row] for row in rows]

    def _whole(self, rows: list[Ids]) -> Any:
        """Logits of rows, without prefix sharing."""
        return self._follow(rows, []) if self._shares else self._model(**self._padded(rows), use_cache=False).logits

    def _follow(self, rows: Sequence[Ids], before: list[Prefix]) -> Any:
        """Logits of rows that follow cached prefixes; only the last token passes through the whole last layer."""
        import torch

        starts = [row[:-1] for row in rows]
        if any(starts):
            before = [*before, self._filled(starts, before)]
        ends = torch.tensor([row[-1:] for row in rows], device=self._model.device)
        return prefix_cache.logits(self._model, ends, before)

    def _filled(self, rows: Sequence[Ids], before: Sequence[Prefix] = ()) -> Prefix:
        inputs = self._padded(rows)
        return prefix_cache.fill(self._model, inputs["input_ids"], inputs["attention_mask"].sum(dim=1), before)

    def _after_prompts(self, batch: list[Group], keep: Callable[[list[Ids], Any], None]) -> None:
        """Scores groups: all prompts in one pass, then the responses, in batches."""
        import torch

        prompts = self._filled([group.rows[0][: group.shared] for group in batch])

        def follow_one(place: int, group: Group) -> None:
            prompt = [prompts.alone(place)]

            def run(rows: list[Ids]) -> None:
                keep(rows, self._follow([ids[group.shared :] for ids in rows], prompt))

            self._batches.run(group.rows, lambda ids: len(ids) - group.shared, run)

        def follow(rows: list[tuple[int, Ids]]) -> None:
            places = torch.tensor([place for place, _ in rows], device=prompts.lengths.device)
            ends = [row[batch[place].shared :] for place, row in rows]
            keep([row for _, row in rows], self._follow(ends, [prompts.of(places)]))

        def tokens(row: tuple[int, Ids]) -> int:
            place, ids = row
            return len(ids) - batch[place].shared + int(prompts.lengths.max()) // CACHED

        together = []
        for place, group in enumerate(batch):
            if sum(len(ids) - group.shared for ids in group.rows) * SMALL > self._batch_tokens:
                follow_one(place, group)
            else:
                together += [(place, ids) for ids in group.rows]
        self._batches.run(together, tokens, follow)

    def _padded(self, rows: Sequence[Ids]) -> Any:
        return batching.padded(rows, self._tokenizer, "right", self._model.device)


class VllmScorer:
    """vLLM's pooling runner: continuous batching, and the prompt's cache shared by its K responses."""

    def __init__(self, reward: Path, section: ScoreParams, *, max_length: int) -> None:
        self._tokenizer = checkpoints.tokenizer(reward)
        folders.weights(reward)  # refuses pickles, and files that are cut, before vLLM starts
        self._engine = vllm_library.load("score.engine").LLM(**vllm_arguments(reward, section, max_length=max_length))
        self._max_length = max_length

    def score(self, conversations: Sequence[list[Message]]) -> list[float]:
        """As `Scorer.score`."""
        rows = _rows(conversations, self._tokenizer, self._max_length)
        distinct = list(dict.fromkeys(rows))
        if not distinct:  # vLLM takes no empty list
            return []
        outputs = self._engine.classify([{"prompt_token_ids": list(row)} for row in distinct])
        rewards = {row: output.outputs.probs[0] for row, output in zip(distinct, outputs, strict=True)}
        return [rewards[row] for row in rows]


def vllm_arguments(reward: Path | str, section: ScoreParams, *, max_length: int) -> dict[str, Any]:
    """Engine arguments of vLLM; its prefix cache is on for every model that allows it."""
    return {
        "model": str(reward),
        "runner": "pooling",
        "convert": "classify",
        "pooler_config": {"use_activation": False},  # else the logit of a single label goes through a sigmoid
        "load_format": "safetensors",
        "trust_remote_code": False,
        "dtype": loading.DTYPES[section.precision],
        "hf_overrides": {"head_dtype": "float32"},
        "max_model_len": max_length,
        "tensor_parallel_size": section.tensor_parallel,
        "gpu_memory_utilization": section.gpu_memory_utilization,
    }


def _rows(conversations: Sequence[list[Message]], tokenizer: Any, max_length: int) -> list[Ids]:
    prompts, responses = [turns[:-1] for turns in conversations], [turns[-1]["content"] for turns in conversations]
    return [tuple(ids) for ids in conversation_ids(prompts, responses, tokenizer, max_length)]
