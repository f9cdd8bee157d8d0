"""Checkpoints and tokenizers that cannot be loaded: one line each with its way out, and no code of a folder runs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from rlhf_data.errors import EngineError
from rlhf_data.models import checkpoints


def spoilt(folder: Path, name: str) -> None:
    config = json.loads((folder / "config.json").read_text())
    if name == "newer":
        config |= {"model_type": "llama9", "architectures": ["Llama9ForCausalLM"]}
    elif name == "own code":
        config |= {"model_type": "mine", "auto_map": {"AutoConfig": "own.C", "AutoModelForCausalLM": "own.M"}}
        (folder / "own.py").write_text(f"open({str(folder / 'ran')!r}, 'w')\n")
    elif name == "cut":
        for weights in folder.glob("*.safetensors"):
            weights.write_bytes(weights.read_bytes()[:20_000])
    elif name == "other shape":
        config |= {"hidden_size": 2 * config["hidden_size"]}
    elif name == "no weights":
        for weights in folder.glob("*.safetensors"):
            weights.unlink()
    elif name == "no config":
        (folder / "config.json").write_text("{")
        return
    (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize("name", ["newer", "own code", "cut", "other shape", "no weights", "no config"])
def test_a_model_that_cannot_be_loaded_is_one_line_and_runs_no_code(
    name: str, policy_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(policy_dir, folder)
    spoilt(folder, name)
    monkeypatch.setattr("builtins.input", lambda *_: "y")  # whoever is asked says yes
    with pytest.raises(EngineError, match=r"\A[^\n]*model[^\n]*\n  [^\n]+\Z"):
        checkpoints.causal(folder, precision="fp32")
    assert not (folder / "ran").exists()


def test_a_tokenizer_that_cannot_be_loaded_is_one_line(tokenizer_dir: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bad"
    folder.mkdir()
    (folder / "tokenizer.json").write_text('{"version": "1.0"}')
    (folder / "tokenizer_config.json").write_text("{}")
    with pytest.raises(EngineError, match="bad: "):
        checkpoints.tokenizer(folder)
    shutil.copytree(tokenizer_dir, tmp_path / "endless")
    config = json.loads((tmp_path / "endless/tokenizer_config.json").read_text())
    del config["eos_token"]
    (tmp_path / "endless/tokenizer_config.json").write_text(json.dumps(config))
    with pytest.raises(EngineError, match="no EOS token"):
        checkpoints.tokenizer(tmp_path / "endless")
