"""Rows that a causal model continues token by token, with transformers' models and caches.

A prompt that several rows begin with is computed once, and rows can leave while the others go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rlhf_data.inference import batching


class Decoding:
    """Rows under way: `logits` (rows, vocabulary) are of the token that comes next."""

    logits: Any
    _cache: Any

    def __init__(self, model: Any, tokenizer: Any, prompts: Sequence[tuple[int, ...]]) -> None:
        import torch

        self.can_leave = _selects_rows(model)  # else every row is computed for itself, to the end
        self._model = model
        apart = list(dict.fromkeys(prompts)) if self.can_leave else list(prompts)
        inputs = batching.padded(apart, tokenizer, "left", model.device)
        self._mask, self._cache = inputs["attention_mask"], None
        self._step(inputs["input_ids"])
        if self.can_leave:
            place = {prompt: row for row, prompt in enumerate(apart)}
            self.keep(torch.tensor([place[prompt] for prompt in prompts], device=model.device))

    def advance(self, tokens: Any) -> None:
        """Takes the next token of each row (rows)."""
        import torch

        self._mask = torch.cat([self._mask, self._mask.new_ones(len(tokens), 1)], dim=1)
        self._step(tokens[:, None])

    def keep(self, places: Any) -> None:
        """Goes on with the rows at these places alone, in this order; a place may come again."""
        self._mask, self.logits = self._mask[places], self.logits[places]
        self._cache.batch_select_indices(places)

    def _step(self, ids: Any) -> None:
        positions = (self._mask.cumsum(dim=1) - 1).clamp(min=0)[:, -ids.shape[1] :]
        found = self._model(
            input_ids=ids,
            attention_mask=self._mask,
            position_ids=positions,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        self._cache, self.logits = found.past_key_values, found.logits[:, -1].float()


def _selects_rows(model: Any) -> bool:
    """Whether every layer's cache is keys and values by row; the state of linear attention is none."""
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

    layers = {type(layer) for layer in DynamicCache(config=model.config.get_text_config()).layers}
    return layers <= {DynamicLayer, DynamicSlidingWindowLayer}
