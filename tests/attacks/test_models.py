"""Model folders of strangers: none of their code runs, and each is one line, before its memory is taken."""

from __future__ import annotations

import ast
import json
import os
import re
import resource
import shutil
import struct
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rlhf_data.errors import EngineError
from rlhf_data.judges import given_folder, llm_judge_folder
from rlhf_data.models import checkpoints, loading, trial
from rlhf_data.params.judges import LlmJudge, RewardJudge
from rlhf_data.params.profiles import Params

ROOT = Path(__file__).parents[2]
ONE_LINE = re.compile(r"\A[^\n]+\n  [^\n]+\Z")
CUT = "no whole safetensors file"
ENDLESS = "the chat template does not end within"
MEMORY = 2**30  # bytes that a refusal may take


def settings(folder: Path, file: str, **changes: Any) -> None:
    path = folder / file
    old = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**old, **changes}))


def config(**changes: Any) -> Callable[[Path], None]:
    return lambda folder: settings(folder, "config.json", **changes)


def other(file: str, **changes: Any) -> Callable[[Path], None]:
    return lambda folder: settings(folder, file, **changes)


def both(first: Callable[[Path], None], second: Callable[[Path], None]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        first(folder)
        second(folder)

    return spoil


def code(*names: str, file: str = "config.json", **changes: Any) -> Callable[[Path], None]:
    """Python of the folder's own, which says that it ran."""

    def spoil(folder: Path) -> None:
        settings(
            folder,
            file,
            auto_map={name: ["own.Own", "own.Own"] if "Tok" in name else "own.Own" for name in names},
            **changes,
        )
        for script in ("own.py", "custom_generate/generate.py", "__init__.py"):
            (folder / script).parent.mkdir(exist_ok=True)
            (folder / script).write_text(f"open({str(folder / 'ran')!r}, 'w')\nOwn = generate = None\n")

    return spoil


def pickled(name: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        call = f"cbuiltins\nopen\n(S'{folder / 'ran'}'\nS'w'\ntR."  # what a pickle runs when it is read
        (folder / name).write_bytes(call.encode())
        (folder / "model.safetensors").unlink()

    return spoil


def index(name: str) -> Callable[[Path], None]:
    """Weights that an index names, of which one lies elsewhere."""

    def spoil(folder: Path) -> None:
        (folder / "model.safetensors").rename(folder.parent / "elsewhere.safetensors")
        weights = {"model.embed_tokens.weight": name.format(folder.parent)}
        settings(folder, "model.safetensors.index.json", metadata={}, weight_map=weights)

    return spoil


def linked(name: str, to: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(to.format(folder.parent))

    return spoil


def written(name: str, made: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        (folder / name).write_bytes(made((folder / name).read_bytes() if (folder / name).exists() else b""))

    return spoil


def header(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    """A safetensors file whose header lies about what follows."""

    def spoil(weights: bytes) -> bytes:
        (length,) = struct.unpack("<Q", weights[:8])
        found = json.loads(weights[8 : 8 + length])
        text = json.dumps(change(found) or found).encode()
        return struct.pack("<Q", len(text)) + text + weights[8 + length :]

    return written("model.safetensors", spoil)


def tensor(**changes: Any) -> Callable[[Path], None]:
    return header(lambda found: found["model.norm.weight"].update(changes))


def fifo(folder: Path) -> None:
    (folder / "generation_config.json").unlink()
    os.mkfifo(folder / "generation_config.json")


def sparse(folder: Path) -> None:
    """A terabyte that takes no room on the disk, with a config that is honest about it."""
    rows = 2**32
    settings(folder, "config.json", vocab_size=rows)
    text = json.dumps(
        {"model.embed_tokens.weight": {"dtype": "F32", "shape": [rows, 64], "data_offsets": [0, rows * 256]}}
    ).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text)
    os.truncate(folder / "model.safetensors", 8 + len(text) + rows * 256)


def pattern(regex: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        found = json.loads((folder / "tokenizer.json").read_text())
        split = {"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": False}
        settings(
            folder,
            "tokenizer.json",
            pre_tokenizer={"type": "Sequence", "pretokenizers": [split, found["pre_tokenizer"]]},
        )

    return spoil


def large_id(folder: Path) -> None:
    model = json.loads((folder / "tokenizer.json").read_text())["model"]
    settings(folder, "tokenizer.json", model={**model, "vocab": {**model["vocab"], "zebra crossing": 2**30}})


def template(text: str) -> Callable[[Path], None]:
    return written("chat_template.jinja", lambda old: text.encode() + old)


HOSTILE: dict[str, dict[str, tuple[Callable[[Path], None], str]]] = {  # by kind: what is done, what is said
    "code": {
        "config": (code("AutoConfig", "AutoModelForCausalLM", model_type="own"), "brings code of its own"),
        "no type": (code("AutoConfig", "AutoModelForCausalLM", model_type=None), "brings code of its own"),
        "tokenizer": (code("AutoTokenizer", file="tokenizer_config.json", tokenizer_class="Own"), "brings code"),
        "hub kernel": (config(attn_implementation="kernels-community/flash-attn"), "names code of the hub"),
        "hub kernel inside": (config(text_config={"_attn_implementation": "a/b@main:c"}), "names code of the hub"),
    },
    "pickles": {
        "bin": (pickled("pytorch_model.bin"), "safetensors only"),
        "pt": (pickled("model.pt"), "safetensors only"),
        "pth": (pickled("consolidated.00.pth"), "safetensors only"),
        "named by config": (both(pickled("adapter_model.bin"), config(transformers_weights="adapter_model.bin")),
                            "names other weights"),
    },
    "files elsewhere": {
        "index up": (index("../elsewhere.safetensors"), "no safetensors file of the folder"),
        "index absolute": (index("{}/elsewhere.safetensors"), "no safetensors file of the folder"),
        "index absent": (index("model-1.safetensors"), "no safetensors file of the folder"),
        "index pickle": (index("pytorch_model.bin"), "no safetensors file of the folder"),
        "index without map": (both(index("x"), other("model.safetensors.index.json", weight_map=3)), "no weights"),
        "weights linked": (linked("model.safetensors", "{}/other.safetensors"), "is a link out of the folder"),
        "settings linked": (linked("generation_config.json", "/etc/passwd"), "is a link out of the folder"),
        "folder linked": (linked("more", "/etc"), "is a link out of the folder"),
        "pipe": (fifo, "is no file"),
        "weights of config": (config(transformers_weights="../x.safetensors"), "names other weights"),
        "adapter": (other("adapter_config.json", base_model_name_or_path="zoo/owl", peft_type="LORA"), "is an adapter"),
    },
    "sizes": {
        "vocabulary": (config(vocab_size=2**32), "config.json describes 274877"),
        "width": (config(intermediate_size=2**33), "config.json describes 1649267"),
        "layers": (config(num_hidden_layers=10**9), "num_hidden_layers is 1000000000"),
        "labels": (config(num_labels=10**9), "num_labels is 1000000000"),
        "a terabyte": (sparse, "this machine has"),
    },
    "quantisation": {
        "unknown": (config(quantization_config={"quant_method": "zoo"}), "its weights are quantised"),
        "inside": (config(text_config={"quantization_config": {"quant_method": "zoo"}}), "weights are quantised"),
        "code": (config(quantization_config={"quant_method": "bitsandbytes", "load_in_4bit": True}), "are quantised"),
    },
    "weights": {
        "cut": (written("model.safetensors", lambda old: old[:20_000]), CUT),
        "empty": (written("model.safetensors", lambda old: b""), CUT),
        "header of 2**60": (written("model.safetensors", lambda old: struct.pack("<Q", 2**60) + old[8:]), CUT),
        "header no JSON": (written("model.safetensors", lambda old: old[:8] + b"x" + old[9:]), CUT),
        "beyond the end": (tensor(data_offsets=[0, 2**50]), CUT),
        "backwards": (tensor(data_offsets=[256, 0]), CUT),
        "negative": (tensor(data_offsets=[-256, 0]), CUT),
        "another shape": (tensor(shape=[2**40]), CUT),
        "overlapping": (tensor(data_offsets=[0, 256]), CUT),
        "another kind": (tensor(dtype="Q1"), CUT),
        "one missing": (header(lambda found: {name: one for name, one in found.items() if "norm" not in name}), CUT),
    },
    "settings": {
        "config cut": (written("config.json", lambda old: old[:-20]), "config.json: no JSON"),
        "config a list": (written("config.json", lambda old: b"[]"), "config.json: no JSON object"),
        "config deep": (written("config.json", lambda old: b"[" * 10**6), "config.json: no JSON"),
        "generation cut": (written("generation_config.json", lambda old: old[:9]), "generation_config.json: no JSON"),
        "generation ends": (other("generation_config.json", eos_token_id="eot"), "eos_token_id is no id"),
        "tokenizer settings": (written("tokenizer_config.json", lambda old: b"\xff"), "tokenizer_config.json: no JSON"),
        "no type": (config(model_type="zoo"), "cannot be loaded"),
    },
    "tokenizers": {
        "cut": (written("tokenizer.json", lambda old: old[: len(old) // 2]), "cannot be loaded"),
        "empty": (written("tokenizer.json", lambda old: b""), "cannot be loaded"),
        "charsmap": (other("tokenizer.json", normalizer={"type": "Precompiled", "precompiled_charsmap": "AAAA"}),
                     "the tokenizer breaks down on a short text"),
        "id of 2**32": (large_id, "id is above 16777216"),
        **{f"pattern {regex}": (pattern(regex), r"the tokenizer (breaks down|does not end within \d+ s) on")
           for regex in ("(a+)+$", "(a|a)*$", r"(\w+\s?)*$", r"(?:\s|\s\s)+x", "a*a*a*a*a*b")},
    },
    "chat templates": {
        "loops": (template("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"), ENDLESS),
        "computes": (template("{{ 9**(9**9) }}"), ENDLESS),
        "grows": (template("{{ 'a' * 10**12 }}"), "takes more than 4 GiB"),
        "grows by halves": (template("{% set n = namespace(x='aaaa') %}{% for i in range(40) %}"
                                     "{% set n.x = n.x ~ n.x %}{% endfor %}"), "takes more than 4 GiB|does not end"),
        "writes": (template("{{ 'a' * 10**7 }}"), "writes more than 1000000 characters"),
        "calls itself": (template("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}"), "fails: maximum recursion"),
        "nests": (template("{{ " + "(" * 9999 + "1" + ")" * 9999 + " }}"), "the chat template"),
        "is long": (template("a" * 300_000), "the chat template has 3"),
        "imports": (template("{{ cycler.__init__.__globals__.os.system('touch ran') }}"), "the chat template fails"),
        "includes": (template("{% include '/etc/passwd' %}"), "the chat template fails"),
        "classes": (template("{{ ''.__class__.__mro__[1].__subclasses__() }}"), "the chat template fails"),
    },
}  # fmt: skip
CASES = [(kind, name) for kind, cases in HOSTILE.items() for name in cases]


@pytest.fixture(autouse=True)
def says_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is asked whether to run a stranger's code says yes."""
    monkeypatch.setattr("builtins.input", lambda *_: "y")
    monkeypatch.setattr(trial, "SECONDS", 1)
    trial._fault.cache_clear()


@pytest.fixture
def folder(policy_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.safetensors").write_bytes((policy_dir / "model.safetensors").read_bytes())
    return shutil.copytree(policy_dir, tmp_path / "stranger")


def used(folder: Path) -> None:
    """All that is loaded of a folder."""
    checkpoints.tokenizer(folder)
    checkpoints.generation_ends(folder)
    checkpoints.causal(folder, precision="fp32")


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_a_hostile_folder_is_one_line(folder: Path, kind: str, name: str, refused: Callable[..., None]) -> None:
    spoil, said = HOSTILE[kind][name]
    spoil(folder)
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    with pytest.raises(EngineError) as caught:
        used(folder)
    assert ONE_LINE.match(str(caught.value)), str(caught.value)
    assert str(folder) in str(caught.value)
    assert re.search(said, str(caught.value)), str(caught.value)
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < MEMORY
    assert time.monotonic() - started < 30
    assert not list(folder.parent.rglob("ran"))
    refused(f"model folders: {kind}")


FORMS: dict[str, Callable[[Path], None]] = {  # a model that transformers knows, beside code that it does not need
    "model": code("AutoModelForCausalLM"),
    "config": code("AutoConfig"),
    "tokenizer": code("AutoTokenizer", file="tokenizer_config.json"),
    "no quantisation": config(quantization_config=None, transformers_weights=None),
    "generate": both(code(), other("generation_config.json", custom_generate=".")),
    "training arguments": written("training_args.bin", lambda old: b"cbuiltins\nopen\n(S'ran'\nS'w'\ntR."),
    "cache's link": lambda folder: cached(folder, "files/md5/0a/0123456789abcdef0123456789abcd"),
    "hub's link": lambda folder: cached(folder, "blobs/0123456789abcdef0123456789abcdef01234567"),
}  # fmt: skip


def cached(folder: Path, to: str) -> None:
    """The weights as DVC and the hub's library link to them."""
    blob = folder.parent / to
    blob.parent.mkdir(parents=True)
    (folder / "model.safetensors").rename(blob)
    (folder / "model.safetensors").symlink_to(blob)


@pytest.mark.parametrize("name", FORMS)
def test_what_is_not_needed_is_not_run(folder: Path, name: str, refused: Callable[..., None]) -> None:
    FORMS[name](folder)
    used(folder)
    assert not list(folder.parent.rglob("ran"))
    refused("model folders: code beside a known model")


@pytest.mark.parametrize("name", ["weights linked", "settings linked", "folder linked", "pipe"])
def test_a_judge_s_folder_takes_nothing_from_elsewhere(
    folder: Path, tiny: Params, name: str, refused: Callable[..., None]
) -> None:
    HOSTILE["files elsewhere"][name][0](folder)
    prompted = tiny.judges["prompted"]
    assert isinstance(prompted, LlmJudge)
    with pytest.raises(EngineError, match=HOSTILE["files elsewhere"][name][1]):
        given_folder.save(RewardJudge(kind="reward", model=str(folder)), folder.parent / "judge")
    with pytest.raises(EngineError, match=HOSTILE["files elsewhere"][name][1]):
        llm_judge_folder.save(replace(prompted, model=str(folder)), folder.parent / "iter0", folder.parent / "judge")
    assert not (folder.parent / "judge").exists()
    refused("model folders: copies of a judge", 2)


def test_a_model_of_the_hub_is_looked_at_as_a_folder_is(
    policy_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    snapshot = shutil.copytree(policy_dir, tmp_path / "models--zoo--owl/snapshots" / ("c0ffee" + "0" * 34))
    (tmp_path / "models--zoo--owl/refs").mkdir()
    (tmp_path / "models--zoo--owl/refs/main").write_text(snapshot.name)
    assert loading.opened("zoo/owl", None) == snapshot
    assert checkpoints.causal("zoo/owl", precision="fp32").config.vocab_size == 600
    HOSTILE["code"]["hub kernel"][0](snapshot)
    with pytest.raises(EngineError, match="names code of the hub"):
        checkpoints.causal("zoo/owl", precision="fp32")
    with pytest.raises(EngineError, match="zoo/cat: no checkpoint to be had"):
        checkpoints.tokenizer("zoo/cat")


def test_every_call_that_loads_says_that_no_code_is_trusted() -> None:
    seen = 0
    for path in [*(ROOT / "rlhf_data").rglob("*.py"), *(ROOT / "stages").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            assert node.func.attr != "load" or ast.unparse(node.func) not in ("torch.load", "pickle.load"), path
            if node.func.attr in ("from_pretrained", "from_config"):
                seen += 1
                said = {one.arg: ast.unparse(one.value) for one in node.keywords}
                assert said.get("trust_remote_code") == "False", f"{path}:{node.lineno}"
    assert seen == 9


def test_a_trial_renders_as_transformers_does(policy_dir: Path) -> None:
    from transformers.utils.chat_template_utils import render_jinja_template

    from rlhf_data.models import tokenizers, tried

    odd = (
        "{% for m in messages %}\n  {% if loop.first %}{% continue %}{% endif %}\n{{ m | tojson }}{% endfor %}"
        "{% generation %}{{ messages[0]['role'] }}{% endgeneration %}{% if strftime_now is defined %}now{% endif %}"
    )
    talk: Any = [{"role": "user", "content": "Näme <a> fish."}, {"role": "assistant", "content": "A goby."}]
    for text in (tokenizers.CHAT_TEMPLATE, odd):
        theirs, _ = render_jinja_template([talk], chat_template=text, add_generation_prompt=True)
        assert tried.environment().from_string(text).render(messages=talk, add_generation_prompt=True) == theirs[0]
