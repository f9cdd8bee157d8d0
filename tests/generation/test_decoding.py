"""Rows that share a prompt, and rows that leave, are what each row is alone: of several architectures, against
transformers' own decoding."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rlhf_data.generation import decoding
from rlhf_data.generation.decoding import Decoding
from rlhf_data.models import checkpoints

ENDING, STEPS = 3, 12  # rows leave once they draw a token of which this is a divisor
PROMPTS = [(5, 6, 7, 8, 9), (11, 12), (5, 6, 7, 8, 9), (11, 12), (5, 6, 7)]
SIZES = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 60}
MODELS: dict[str, dict[str, Any]] = {
    "llama": {"num_key_value_heads": 2},
    "mistral": {"num_key_value_heads": 2, "sliding_window": 4},
    "gemma3_text": {
        "num_key_value_heads": 2,
        "head_dim": 8,
        "sliding_window": 4,
        "layer_types": ["sliding_attention", "full_attention"],
    },
    "gpt2": {},
}


@pytest.fixture(scope="module", params=MODELS)
def model(request: pytest.FixtureRequest) -> Any:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    config = AutoConfig.for_model(request.param, **SIZES, **MODELS[request.param], bos_token_id=1, eos_token_id=2)
    found = AutoModelForCausalLM.from_config(config).eval()
    for weight in found.parameters():
        if weight.dim() == 2:
            weight.data.mul_(4)
    return found


def likeliest(model: Any, tokens: Any, prompts: list[tuple[int, ...]]) -> list[list[int]]:
    """Of each row the likeliest tokens, one after the other, up to one at which it ends."""
    import torch

    written: list[list[int]] = [[] for _ in prompts]
    at = list(range(len(prompts)))
    with torch.inference_mode():
        rows = Decoding(model, tokens, prompts)
        for _ in range(STEPS):
            drawn = rows.logits.argmax(dim=-1)
            for row, token in zip(at, drawn.tolist(), strict=True):
                written[row].append(token)
            if rows.can_leave:
                going = [place for place, token in enumerate(drawn.tolist()) if token % ENDING]
                if not going:
                    break
                places = torch.tensor(going)
                rows.keep(places)
                drawn, at = drawn[places], [at[place] for place in going]
            rows.advance(drawn)
    ends = [next((place for place, token in enumerate(row) if token % ENDING == 0), STEPS) for row in written]
    return [row[: end + 1] for row, end in zip(written, ends, strict=True)]


def by_transformers(model: Any, prompt: tuple[int, ...]) -> list[int]:
    import torch

    ids = torch.tensor([prompt])
    ends = [token for token in range(SIZES["vocab_size"]) if token % ENDING == 0]
    found = model.generate(ids, do_sample=False, max_new_tokens=STEPS, eos_token_id=ends, pad_token_id=0)
    return found[0, len(prompt) :].tolist()  # type: ignore[no-any-return]


@pytest.mark.parametrize("leave", [True, False])
def test_rows_are_what_they_are_alone(
    model: Any, tokenizer_dir: Path, leave: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = checkpoints.tokenizer(tokenizer_dir)
    expected = [by_transformers(model, prompt) for prompt in PROMPTS]
    assert len({tuple(row) for row in expected}) > 1
    if not leave:
        monkeypatch.setattr(decoding, "_selects_rows", lambda model: False)
    assert likeliest(model, tokens, PROMPTS) == expected


def test_a_prompt_is_computed_once(model: Any, tokenizer_dir: Path) -> None:
    asked = []
    with_hook = model.register_forward_pre_hook(
        lambda module, given, named: asked.append(tuple(named["input_ids"].shape)), with_kwargs=True
    )
    likeliest(model, checkpoints.tokenizer(tokenizer_dir), PROMPTS)
    with_hook.remove()
    assert asked[0] == (3, 5)
    assert all(rows <= len(PROMPTS) and tokens == 1 for rows, tokens in asked[1:])
    assert asked[-1][0] < len(PROMPTS)


def test_a_state_that_is_no_keys_and_values_is_not_cut_by_rows() -> None:
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model(
        "qwen3_next",
        **{**SIZES, "num_hidden_layers": 4},
        num_key_value_heads=2,
        num_experts=2,
        num_experts_per_tok=1,
        moe_intermediate_size=8,
        shared_expert_intermediate_size=8,
    )
    assert not decoding._selects_rows(AutoModelForCausalLM.from_config(config))
