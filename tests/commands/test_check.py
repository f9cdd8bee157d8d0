"""`rlhf-data check` names what would stop a run, each in one line with a way out, before anything runs."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from ruamel.yaml import YAML
from transformers import LlamaConfig, LlamaForCausalLM

from rlhf_data import params
from rlhf_data.commands import check, check_models
from rlhf_data.models import tokenizers
from rlhf_data.storage import inputs

ROOT = Path(__file__).parents[2]
BROKEN = " — "  # stands before the way out
BIRDS = [f"Name bird {number}." for number in range(200)]


def lines(path: Path, records: list[Any]) -> None:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf8")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of another's, with its tokenizer."""
    folder = tmp_path_factory.mktemp("model") / "base"
    size = tokenizers.train([*BIRDS, "A wren."], folder, vocab_size=300)
    with torch.random.fork_rng():
        config = LlamaConfig(vocab_size=size, hidden_size=16, intermediate_size=32, num_hidden_layers=1,
                             num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=256)  # fmt: skip
        LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture
def project(tmp_path: Path, model: Path) -> Path:
    """A project of one's own files and base model, in which nothing is wrong."""
    shutil.copytree(ROOT / "params", tmp_path / "params")
    shutil.copytree(model, tmp_path / "base")
    (tmp_path / "mine").mkdir()
    lines(tmp_path / "mine/votes.jsonl", [{"q": q, "good": "A wren.", "bad": "A bat."} for q in BIRDS])
    lines(tmp_path / "mine/talks.jsonl", [{"q": q, "a": "A wren."} for q in BIRDS])
    lines(tmp_path / "mine/asks.jsonl", [{"q": q} for q in BIRDS])
    lines(tmp_path / "mine/items.jsonl", [{"text": "Name bird 3."}])
    lines(tmp_path / "mine/scores.jsonl", [{"q": q, "a": "A wren.", "s": 1.5} for q in BIRDS])
    custom = {"format": "custom", "prompt": "q"}
    change(tmp_path, "tiny", lambda one: one["ingest"].update(root="mine", sources={
        "votes": {**custom, "kind": "preferences", "path": "votes.jsonl", "chosen": "good", "rejected": "bad"},
        "talks": {**custom, "kind": "instructions", "path": "talks.jsonl", "response": "a"},
        "asks": {**custom, "kind": "prompts", "path": "asks.jsonl"},
    }) or one["report"].update(select_by="reward") or one["train_sft"].update(base="base")
        or one["tokenizer"].update(hub="base", vocab_size=None)
        or one["prompts"].update(per_iteration=20, dev=4, test=4))  # fmt: skip
    shutil.copy(ROOT / "params.yaml", tmp_path / "params.yaml")
    return tmp_path


def change(project: Path, name: str, edit: Callable[[Any], Any]) -> None:
    path = project / (f"params/{name}.yaml" if name != "params" else "params.yaml")
    loaded = YAML(typ="safe").load(path)
    edit(loaded)
    with path.open("w") as file:
        YAML(typ="safe").dump(loaded, file)


def problems(project: Path) -> list[str]:
    return [text for level, text in check.findings(project) if level == "problem"]


def section(name: str, **values: Any) -> Callable[[Path], None]:
    return lambda project: change(project, "tiny", lambda one: one[name].update(values))


def source(name: str, **values: Any) -> Callable[[Path], None]:
    return lambda project: change(project, "tiny", lambda one: one["ingest"]["sources"][name].update(values))


def judge(name: str, value: dict[str, Any], **more: Any) -> Callable[[Path], None]:
    def broken(project: Path) -> None:
        change(project, "tiny", lambda one: one["judges"].update({name: value}))
        change(project, "params", lambda one: one.update(more))

    return broken


def chosen(**values: Any) -> Callable[[Path], None]:
    return lambda project: change(project, "params", lambda one: one.update(values))


def written(path: str, text: str | bytes) -> Callable[[Path], Any]:
    data = text.encode() if isinstance(text, str) else text
    return lambda project: (project / path).write_bytes(data)


def setting(file: str, **values: Any) -> Callable[[Path], Any]:
    def broken(project: Path) -> None:
        path = project / "base" / file
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return broken


RECORDED = {"kind": "recorded", "path": "mine/scores.jsonl", "prompt": "q", "response": "a", "score": "s"}
SET = {"root": "mine", "words": 8, "overlap": 0.5, "sets": {"items": {"path": "items.jsonl", "field": "text"}}}
LLM = {"kind": "prompted", "engine": "openai", "model": "x", "revision": None, "endpoint": "http://127.0.0.1:9/v1",
       "verdict": "text", "orders": "both", "ranking": "knock_out", "max_tokens": 16, "max_length": 256,
       "batch_size": 8, "precision": "fp32"}  # fmt: skip
CASES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "an absent profile": (chosen(profile="big"), "profile 'big' has no file"),
    "a misspelt section's key": (section("pair", lenght_penalty=0), "pair.lenght_penalty"),
    "a value out of range": (section("generate", samples=1), "generate.samples"),
    "an absent file": (source("votes", path="gone.jsonl"), "ingest.sources.votes: .*gone.jsonl: absent"),
    "another content than the pin": (source("votes", sha256="0" * 64), "ingest.sources.votes: .*not the file that was"),
    "another layout": (source("votes", chosen="better"), "ingest.sources.votes: .*better"),
    "a broken file": (written("mine/talks.jsonl", '{"q": '), "ingest.sources.talks: .*line 1 is not JSON"),
    "a suffix of no reader": (source("asks", path="asks.txt"), "ingest.sources.asks: .*unknown suffix|absent"),
    "an empty file": (written("mine/asks.jsonl", ""), "ingest.sources.asks: .*empty"),
    "an evaluation set that is gone": (
        section("clean", contamination={**SET, "sets": {"items": {"path": "gone.jsonl", "field": "text"}}}),
        "clean.contamination.sets.items: .*absent",
    ),
    "a field of no item": (
        section("clean", contamination={**SET, "sets": {"items": {"path": "items.jsonl", "field": "txt"}}}),
        "clean.contamination.sets.items: .*no field 'txt'",
    ),
    "a base that is nowhere": (section("train_sft", base="models/gone/base"), "train_sft.base: .*no such folder"),
    "a base without weights": (lambda project: (project / "base/model.safetensors").unlink(), "train_sft.base: "),
    "a config of no model": (setting("config.json", model_type="wrens"), "train_sft.base: .*cannot be loaded"),
    "a tokenizer that is gone": (lambda project: (project / "base/tokenizer.json").unlink(), "tokenizer.hub: "),
    "no chat template": (lambda project: (project / "base/chat_template.jinja").unlink(), "tokenizer.hub: .*template"),
    "a template that loses turns": (written("base/chat_template.jinja", "hello"), "tokenizer.hub: "),
    "a template without its mark": (
        written("base/chat_template.jinja", "{% for m in messages %}{{ m.role + m.content + eos_token }}{% endfor %}"),
        "tokenizer.hub: ",
    ),
    "longer than the context": (section("train_sft", max_length=512), "train_sft.base: .*512 are asked"),
    "gold where none is known": (section("report", select_by="gold_reward"), "report.select_by: gold_reward"),
    "a second judge that trains": (chosen(second_judge="reward"), "second_judge: reward also trains"),
    "a judge that is not here": (chosen(tested=["reward", "wren"]), "has no judge wren"),
    "a judge that no stage makes": (judge("other", {"kind": "reward"}, tested=["other"]), "judges.other: no stage"),
    "a judge given to nobody": (judge("theirs", RECORDED, tested=["theirs"]), "judges.theirs: is not trained here"),
    "scores of what was there": (
        judge("theirs", RECORDED, given_judges=["theirs"], second_judge="theirs"), "judges.theirs: recorded scores",
    ),
    "scores that say none": (
        judge("theirs", {**RECORDED, "score": "gone"}, given_judges=["theirs"], tested=["theirs"]),
        "judges.theirs: .*no record can be used",
    ),
    "a server that is not there": (judge("asked", LLM), "judges.asked.endpoint: .*does not answer"),
    "too few prompts": (
        lambda project: lines(project / "mine/asks.jsonl", [{"q": q} for q in BIRDS[:3]]), "prompts: 3 prompts are too",
    ),
    "an engine that is not installed": (section("generate", engine="vllm"), "generate.engine: vllm is not installed"),
    "attention without its package": (
        section("train_policy", attention="flash_attention_2"), "train_policy.attention: flash_attention_2 needs",
    ),
}  # fmt: skip


def test_nothing_is_wrong_with_the_default_nor_with_a_sound_profile_of_ones_own(project: Path) -> None:
    assert problems(ROOT) == []
    assert problems(project) == []


@pytest.mark.parametrize("case", CASES)
def test_a_broken_profile_is_named_in_one_line_with_a_way_out(
    project: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    broken, said = CASES[case]
    broken(project)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(check_models, "lacks", lambda package: True)
    found = problems(project)
    assert found
    assert all("\n" not in one and BROKEN in one for one in found), found
    assert any(re.search(said, one) for one in found), found


def test_all_is_found_at_once(project: Path) -> None:
    source("votes", path="gone.jsonl")(project)
    section("report", select_by="gold_reward")(project)
    section("train_sft", base="models/gone/base")(project)
    assert len(problems(project)) == 3


def test_a_disk_that_is_full(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    assert any(one.startswith("disk: ") and BROKEN in one for one in problems(project))


@pytest.mark.parametrize(
    ("stage", "changed"),
    [
        ("ingest", lambda project: lines(project / "mine/votes.jsonl", [{}])),
        ("train_sft", lambda project: setting("config.json", rms_norm_eps=1e-5)(project)),
        ("tokenizer", lambda project: (project / "base/more.json").write_text("{}")),
    ],
)
def test_inputs_that_dvc_does_not_watch(
    project: Path, monkeypatch: pytest.MonkeyPatch, stage: str, changed: Callable[[Path], Any]
) -> None:
    monkeypatch.chdir(project)
    inputs.record(stage, inputs.look(stage))
    profile = params.load(project)
    assert inputs.changed(project, stage, profile) == []
    (project / "mine/votes.jsonl").touch()  # another time, the same content
    assert inputs.changed(project, stage, profile) == []
    changed(project)
    assert len(inputs.changed(project, stage, profile)) == 1
    assert any(f"since the stage {stage} read it" in one and BROKEN in one for one in problems(project))


def test_one_of_the_processes_of_a_training_writes_down_what_it_read(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    assert inputs.look("train_sft")
    monkeypatch.setenv("RANK", "1")
    assert inputs.look("train_sft") is None
