"""Prefixes against one plain pass of the same Llama, whose heads share keys and values."""

from __future__ import annotations

from typing import Any

import pytest

from rlhf_data.judges import prefix_cache

ROWS = [[3, 4, 5, 6, 7, 8], [3, 4, 5, 9], [3, 4, 5, 2, 6]]


def new_model(name: str = "llama", **sizes: Any) -> Any:
    from transformers import AutoConfig, AutoModelForSequenceClassification, set_seed

    small = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4}
    set_seed(0)
    config = AutoConfig.for_model(name, vocab_size=12, pad_token_id=0, num_labels=1, **{**small, **sizes})
    model = AutoModelForSequenceClassification.from_config(config, attn_implementation="sdpa").eval()
    for weight in model.parameters():
        if weight.dim() == 2:
            weight.data.mul_(6)
    return model


def plain(model: Any) -> list[float]:
    import torch

    with torch.inference_mode():
        return [float(model(torch.tensor([row])).logits) for row in ROWS]


def padded(rows: list[list[int]]) -> tuple[Any, Any]:
    import torch

    longest = max(map(len, rows))
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    return ids, torch.tensor([len(row) for row in rows])


@pytest.mark.parametrize("window", [None, 2, 4])
@pytest.mark.parametrize("alone", [True, False])
def test_rows_go_on_from_a_shared_prompt_and_their_own_beginning(window: int | None, alone: bool) -> None:
    import torch

    model = new_model("mistral", num_key_value_heads=2, sliding_window=window)
    expected = plain(model)
    prefix_cache.use(model)
    with torch.inference_mode():
        # its second row is the prompt; padding after it, as another prompt is longer
        prompts = prefix_cache.fill(model, *padded([[1, 1, 1, 1, 1], ROWS[0][:3]]))
        prompt = prompts.alone(1) if alone else prompts.of(torch.tensor([1, 1, 1]))
        starts = prefix_cache.fill(model, *padded([row[3:-1] for row in ROWS]), [prompt])
        ends = torch.tensor([row[-1:] for row in ROWS])
        found = prefix_cache.logits(model, ends, [prompt, starts])[:, 0].tolist()
    assert len({round(score, 3) for score in expected}) == len(ROWS)
    assert found == pytest.approx(expected, abs=1e-4)


def test_half_precision_weighs_as_single_precision() -> None:
    import torch

    model = new_model(num_key_value_heads=2)
    expected = plain(model)
    prefix_cache.use(model.to(torch.bfloat16))
    with torch.inference_mode():
        prompt = prefix_cache.fill(model, *padded([ROWS[0][:3]]))
        found = float(prefix_cache.logits(model, torch.tensor([ROWS[1][3:]]), [prompt])[0, 0])
    assert found == pytest.approx(expected[1], abs=0.1 * (max(expected) - min(expected)))


def test_a_pass_that_fills_ends_at_the_last_keys() -> None:
    import torch

    model = new_model()
    prefix_cache.use(model)
    ran: list[int] = []
    for place, layer in enumerate(model.model.layers):
        layer.mlp.register_forward_hook(lambda *_, place=place: ran.append(place))
    with torch.inference_mode():
        kept = prefix_cache.fill(model, *padded(ROWS))
    assert ran == [0, 1]
    assert [tuple(keys.shape) for keys in kept.keys] == [(3, 4, 6, 8)] * 3


@pytest.mark.parametrize(
    ("name", "expected"), [("llama", True), ("mistral", True), ("qwen2", True), ("bert", False), ("gpt2", False)]
)
def test_which_models_go_on(name: str, expected: bool) -> None:
    assert prefix_cache.takes(new_model(name)) is expected


def test_eager_attention_goes_on_nowhere() -> None:
    """What a model adds to its attention there, no other computes."""
    from transformers import AutoModelForSequenceClassification

    model = new_model()
    assert not prefix_cache.takes(
        AutoModelForSequenceClassification.from_config(model.config, attn_implementation="eager")
    )
