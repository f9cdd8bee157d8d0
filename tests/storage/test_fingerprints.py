"""What changes a row's fingerprint, and what does not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rlhf_data.params.profiles import Params
from rlhf_data.params.training import LlamaSize
from rlhf_data.storage import fingerprints


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    folder = tmp_path / "iter0"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    return folder


def test_known_fingerprints(tmp_path: Path, checkpoint: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert fingerprints.job(tmp_path / "empty", temperature=1.0, engine="vllm") == "57f2e73a8a530cf0"
    assert fingerprints.job(checkpoint) == "c0436d4138edd51d"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.safetensors", "other weights"),
        ("chat_template.jinja", "{{ messages[0] }}"),
        ("generation_config.json", "{}"),
        ("more/weights", ""),
    ],
)
def test_every_file_of_the_checkpoint_counts(checkpoint: Path, name: str, content: str) -> None:
    before = fingerprints.job(checkpoint)
    (checkpoint / name).parent.mkdir(exist_ok=True)
    (checkpoint / name).write_text(content)
    assert fingerprints.job(checkpoint) != before


def test_where_the_checkpoint_lies_does_not_count(checkpoint: Path) -> None:
    before = fingerprints.job(checkpoint, temperature=1.0)
    assert fingerprints.job(checkpoint.rename(checkpoint.with_name("moved")), temperature=1.0) == before


@pytest.mark.parametrize(
    ("change", "counts"),
    [
        ({"engine": "vllm"}, True),
        ({"max_tokens": 7}, True),
        ({"precision": "bf16"}, True),
        ({"batch_size": 7}, False),
        ({"part_prompts": 7}, False),
        ({"samples": 7}, False),
        ({"temperatures": [0.7]}, False),  # which a row has beside its job
        ({"fresh": True}, False),
        ({"max_model_len": 200}, False),
        ({"tensor_parallel": 2}, False),
        ({"gpu_memory_utilization": 0.5}, False),
    ],
)
def test_generation(checkpoint: Path, tiny: Params, change: dict[str, Any], counts: bool) -> None:
    before = fingerprints.generation(checkpoint, tiny.generate)
    assert (fingerprints.generation(checkpoint, replace(tiny.generate, **change)) != before) is counts


def test_scoring(checkpoint: Path, tiny: Params) -> None:
    before = fingerprints.scoring(checkpoint, tiny.score, max_length=256)
    assert fingerprints.scoring(checkpoint, replace(tiny.score, batch_tokens=7), max_length=256) == before
    assert fingerprints.scoring(checkpoint, replace(tiny.score, part_prompts=7), max_length=256) == before
    assert fingerprints.scoring(checkpoint, replace(tiny.score, precision="bf16"), max_length=256) != before
    assert fingerprints.scoring(checkpoint, replace(tiny.score, engine="vllm"), max_length=256) != before
    assert fingerprints.scoring(checkpoint, tiny.score, max_length=128) != before


@pytest.mark.parametrize(
    ("change", "counts"),
    [
        ({"max_length": 128}, True),
        ({"precision": "bf16"}, True),
        ({"beta": 0.5}, False),
        ({"loss": "ipo"}, False),
        ({"learning_rate": 1.0}, False),
        ({"batch_size": 64}, False),
    ],
)
def test_reference(checkpoint: Path, tiny: Params, change: dict[str, Any], counts: bool) -> None:
    before = fingerprints.reference(checkpoint, tiny.train_policy)
    assert (fingerprints.reference(checkpoint, replace(tiny.train_policy, **change)) != before) is counts


@pytest.mark.parametrize(
    ("change", "counts"),
    [
        ({"learning_rate": 1.0}, True),
        ({"revision": "main"}, True),
        ({"micro_batch_size": 16}, True),
        ({"save_steps": 7}, False),
        ({"logging_steps": 7}, False),
    ],
)
def test_training(checkpoint: Path, tmp_path: Path, tiny: Params, change: dict[str, Any], counts: bool) -> None:
    rows = tmp_path / "train.parquet"
    rows.write_bytes(b"rows")
    before = fingerprints.training(tiny.train_reward, rows, checkpoint, seed=0)
    assert (fingerprints.training(replace(tiny.train_reward, **change), rows, checkpoint, seed=0) != before) is counts
    assert fingerprints.training(tiny.train_reward, rows, checkpoint, seed=1) != before
    assert fingerprints.training(tiny.train_reward, rows, "hub/id", seed=0) != before
    rows.write_bytes(b"other rows")
    assert fingerprints.training(tiny.train_reward, rows, checkpoint, seed=0) != before
    rows.write_bytes(b"rows")
    (checkpoint / "model.safetensors").write_bytes(b"other weights")
    assert fingerprints.training(tiny.train_reward, rows, checkpoint, seed=0) != before


def test_training_of_a_new_model(tmp_path: Path, tiny: Params) -> None:
    before = fingerprints.training(tiny.train_sft, tmp_path, seed=0)
    assert isinstance(tiny.train_sft.base, LlamaSize)
    deeper = replace(tiny.train_sft, base=replace(tiny.train_sft.base, layers=3))
    assert fingerprints.training(deeper, tmp_path, seed=0) != before
