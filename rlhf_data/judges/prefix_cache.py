"""KV-cache prefix sharing for reward scoring: a prompt is computed once for all responses to it.

A forward pass that only fills the cache ends once its last layer has keys and values. On a CPU the cache of a shared
prompt is not copied for each row: attention to the prompt and to the row are computed apart and combined by their
softmax sums, as in Flash-Decoding (Dao et al. 2023).
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any, NamedTuple

ATTENTION = "prefixes"  # its name among those of transformers


class Prefix(NamedTuple):
    """Cached keys and values of right-padded rows: one row that all others continue, or one for each."""

    keys: list[Any]  # of each layer: rows × heads × tokens × size of a head
    values: list[Any]
    lengths: Any  # rows

    def of(self, places: Any) -> Prefix:
        """The rows at these indices, copied."""
        keys, values = ([kept[places] for kept in layers] for layers in (self.keys, self.values))
        return Prefix(keys, values, self.lengths[places])

    def alone(self, place: int) -> Prefix:
        """One row without its padding, not copied."""
        row, length = slice(place, place + 1), int(self.lengths[place])
        keys, values = ([kept[row, :, :length] for kept in layers] for layers in (self.keys, self.values))
        return Prefix(keys, values, self.lengths[row])


class _Full(Exception):  # noqa: N818  # no error
    """Ends a pass that only fills the cache: the last layer has its keys and values."""


def takes(model: Any) -> bool:
    """Whether a classifier is causal and can continue from cached keys and values of every layer.

    One that supports flash attention tells its attention of sliding windows, as no mask does there.
    """
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer
    from transformers.modeling_layers import GenericForSequenceClassification

    config = model.config.get_text_config()
    if not isinstance(model, GenericForSequenceClassification) or not getattr(config, "is_causal", True):
        return False
    if config._attn_implementation != "sdpa" or not model._supports_flash_attn:
        return False
    if "chunked_attention" in (getattr(config, "layer_types", None) or []):
        return False
    layers = {type(layer) for layer in DynamicCache(config=config).layers}
    return layers <= {DynamicLayer, DynamicSlidingWindowLayer}


def use(model: Any) -> None:
    """Installs the attention that reads cached prefixes into a model that `takes` accepts."""
    from transformers import AttentionInterface

    AttentionInterface.register(ATTENTION, _attend)  # without a mask function: transformers makes no masks for it
    model.set_attn_implementation(ATTENTION)


def fill(model: Any, ids: Any, lengths: Any, before: Sequence[Prefix] = ()) -> Prefix:
    """Keys and values of right-padded token ids (rows, time) that follow the cached prefixes `before`."""
    from transformers import DynamicCache

    last = model.config.get_text_config().num_hidden_layers - 1

    class Filling(DynamicCache):  # type: ignore[misc]  # not told of sliding windows, it drops no token
        def update(self, key_states: Any, value_states: Any, layer_idx: int, *more: Any, **named: Any) -> Any:
            found = super().update(key_states, value_states, layer_idx, *more, **named)
            if layer_idx == last:
                raise _Full
            return found

    cache = Filling()
    with contextlib.suppress(_Full):
        positions = _places(ids, before)
        model(ids, position_ids=positions, past_key_values=cache, use_cache=True, prefixes=before)
    return Prefix([layer.keys for layer in cache.layers], [layer.values for layer in cache.layers], lengths)


def logits(model: Any, ids: Any, before: Sequence[Prefix] = ()) -> Any:
    """Classifier logits (rows, labels) of token ids that follow the cached prefixes `before`."""
    return model(ids, position_ids=_places(ids, before), use_cache=False, prefixes=before).logits


def _places(ids: Any, before: Sequence[Prefix]) -> Any:
    """Position ids (rows, time): how many tokens precede each."""
    import torch

    start = sum(prefix.lengths for prefix in before)
    steps = torch.arange(ids.shape[1], device=ids.device).expand(ids.shape)
    return steps if isinstance(start, int) else start[:, None] + steps


def _attend(
    module: Any,
    query: Any,
    key: Any,
    value: Any,
    attention_mask: Any,
    *,
    scaling: float | None = None,
    sliding_window: int | None = None,
    prefixes: Sequence[Prefix] = (),
    **more: Any,
) -> tuple[Any, None]:
    """Causal attention of rows to their prefixes and themselves: (rows, time, heads, head size)."""
    from transformers import AttentionInterface

    apart = query.device.type == "cpu" and not sliding_window
    shared = [prefix for prefix in prefixes if apart and len(prefix.lengths) == 1]
    copied = [prefix for prefix in prefixes if not (apart and len(prefix.lengths) == 1)]
    mask = _seen(query, copied, sliding_window) if copied or sliding_window else None
    if copied:
        key, value = (
            _joined([layers[module.layer_idx] for layers in kept], own)
            for kept, own in (([prefix.keys for prefix in copied], key), ([prefix.values for prefix in copied], value))
        )
    if not shared:
        found = AttentionInterface()["sdpa"](module, query, key, value, mask, scaling=scaling, **more)
        return found[0], None

    rows, heads, tokens, size = query.shape
    found, total = _flash(query, key, value, mask=mask, causal=mask is None, scale=scaling)
    stacked = query.transpose(0, 1).reshape(1, heads, rows * tokens, size)  # as if one row: it sees all of a prefix
    for prefix in shared:
        other, sums = _flash(stacked, prefix.keys[module.layer_idx], prefix.values[module.layer_idx], scale=scaling)
        other = other.reshape(heads, rows, tokens, size).transpose(0, 1)
        sums = sums.reshape(heads, rows, tokens).transpose(0, 1)
        found = found.lerp_(other, (sums - total).sigmoid_()[..., None].to(found.dtype))
        total = total.logaddexp(sums)
    return found.transpose(1, 2).contiguous(), None


def _joined(before: list[Any], own: Any) -> Any:
    import torch

    return torch.cat([*(kept.expand(len(own), -1, -1, -1) for kept in before), own], dim=2)


def _seen(query: Any, before: list[Prefix], window: int | None) -> Any:
    """Additive attention mask (rows, 1, time, keys): padding, later tokens, and those outside a sliding window."""
    import torch

    rows, tokens = query.shape[0], query.shape[2]
    start = torch.zeros(rows, 1, dtype=torch.long, device=query.device)
    places = []
    for prefix in before:
        steps = torch.arange(prefix.keys[0].shape[2], device=query.device)
        lengths = prefix.lengths[:, None]
        places.append((start + steps).masked_fill(steps >= lengths, torch.iinfo(torch.long).max))
        start = start + lengths
    asking = start + torch.arange(tokens, device=query.device)
    asked = torch.cat([*places, asking], dim=1)[:, None]
    asking = asking[:, :, None]
    hidden = asked > asking
    if window:
        hidden |= asked <= asking - window
    mask = torch.zeros(hidden.shape, dtype=query.dtype, device=query.device)
    return mask.masked_fill_(hidden, torch.finfo(mask.dtype).min)[:, None]


def _flash(
    query: Any, key: Any, value: Any, *, scale: float | None, mask: Any = None, causal: bool = False
) -> tuple[Any, Any]:
    """Attention, and the logarithm of the sum that its softmax divides by (rows × heads × tokens): PyTorch's own."""
    import torch

    attention = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    return attention(query, key, value, 0.0, causal, attn_mask=mask, scale=scale)  # type: ignore[no-any-return]
