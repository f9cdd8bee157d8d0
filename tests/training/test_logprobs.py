"""A small real model: its log-probabilities of single responses, held against TRL's of pairs."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from rlhf_data.errors import EngineError
from rlhf_data.models import checkpoints
from rlhf_data.params.profiles import Params
from rlhf_data.training import logprobs, trainers

QUESTIONS = ["What is 5 minus 1?", "Name a fish.", "Why?", "What is the capital of the country of the river?"]
ANSWERS = ["5 minus 1 is 4.", "A carp. I hope this helps you today.", "", "I am not sure about that."]


def rows(reason: str = "stop") -> pl.DataFrame:
    return pl.DataFrame(
        {
            "prompt_id": [str(n) for n in range(len(QUESTIONS))],
            "prompt": [[{"role": "user", "content": question}] for question in QUESTIONS],
            "response": ANSWERS,
            "finish_reason": [reason] * len(QUESTIONS),
        }
    )


def logps(policy_dir: Path, table: pl.DataFrame, *, batch_size: int = 2) -> list[float]:
    model = logprobs.open_model(policy_dir, precision="fp32", attention="sdpa", batch_size=batch_size)
    return model(table)


def test_log_probabilities_are_those_of_trl(
    tiny: Params, policy_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pairs = rows().with_columns(chosen="response", rejected=pl.lit("No.")).drop("response", "finish_reason")
    reference = trainers.open_reference(tiny.train_policy, policy_dir, batch_size=4, work=tmp_path / "work")

    for batch_size in (1, 3):
        assert logps(policy_dir, rows(), batch_size=batch_size) == pytest.approx(
            reference(pairs)["ref_chosen_logps"].to_list(), abs=1e-4
        )


def test_a_response_that_was_cut_has_no_end_of_turn(policy_dir: Path) -> None:
    import torch

    tokens, model = checkpoints.tokenizer(policy_dir), checkpoints.causal(policy_dir, precision="fp32")
    stopped, cut = logps(policy_dir, rows()), logps(policy_dir, rows("length"))

    assert cut[2] == 0  # nothing was drawn
    for row, one, other in zip(rows().iter_rows(named=True), stopped, cut, strict=True):
        asked = tokens.apply_chat_template(row["prompt"], tokenize=False, add_generation_prompt=True)
        ids = tokens(str(asked) + row["response"], add_special_tokens=False, return_tensors="pt")["input_ids"]
        with torch.inference_mode():
            last = model(ids).logits[0, -1].log_softmax(dim=0)
        assert one - other == pytest.approx(float(last[tokens.eos_token_id]), abs=1e-4)


def test_a_template_that_rewrites_what_was_asked_is_refused(policy_dir: Path, tmp_path: Path) -> None:
    tokens = checkpoints.tokenizer(policy_dir)
    checkpoints.causal(policy_dir, precision="fp32").save_pretrained(tmp_path)
    tokens.chat_template = "{% if add_generation_prompt %}Now: {% endif %}{{ messages[-1]['content'] }}"
    tokens.save_pretrained(tmp_path)

    with pytest.raises(EngineError, match="loses or changes the text of the user's turns"):
        logps(tmp_path, rows())
