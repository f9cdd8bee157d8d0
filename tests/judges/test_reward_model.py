"""Real one-layer reward models: a score depends on its own conversation, not on what was computed with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rlhf_data.inference.protocols import Scorer
from rlhf_data.judges import prompt_groups, reward_model
from rlhf_data.judges.prompt_groups import Group
from rlhf_data.models import checkpoints
from rlhf_data.params.profiles import Params
from rlhf_data.schemas import Message

ROOT = Path(__file__).parents[2]
ANSWERS = ["5 minus 1 is 4.", "", "I am not sure about that. " * 6, "A frog lives in the pond.", "4", "4"]
LONG_QUESTION = "Hi! My name is Tom. I have 5 cups and I give 1 of them to Ann. " * 2 + "What is 5 minus 1?"


def conversation(answer: str, question: str = "What is 5 minus 1?") -> list[Message]:
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


CONVERSATIONS = [conversation(answer) for answer in ANSWERS]
# groups of 8, 6 and 1, of a long prompt and short ones; not in the groups' order; the same response twice, one that
# begins another, none at all
GROUPS = [
    conversation(answer, question)
    for answer in [*ANSWERS, "5 minus 1 is 4. I counted down.", "It needs fresh water. " * 2]
    for question in (LONG_QUESTION, "What is 5 minus 1?")
] + [conversation("To fix a car, use a wrench.", "How can I fix a car?")]


def new_reward(name: str, tokenizer_dir: Path, folder: Path, **sizes: int) -> Path:
    """A classifier of random weights, large enough that what it reads shows in its score."""
    from transformers import AutoConfig, AutoModelForSequenceClassification, set_seed

    tokens = checkpoints.tokenizer(tokenizer_dir)
    small = {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = AutoConfig.for_model(
        name, vocab_size=len(tokens), pad_token_id=tokens.pad_token_id, num_labels=1, **{**small, **sizes}
    )
    set_seed(0)
    model = AutoModelForSequenceClassification.from_config(config)
    for weight in model.parameters():
        if weight.dim() == 2:
            weight.data.mul_(6)
    model.save_pretrained(folder)
    tokens.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def reward_dir(tokenizer_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return new_reward("llama", tokenizer_dir, tmp_path_factory.mktemp("reward"), num_key_value_heads=1)


def scorer(reward: Path, tiny: Params, *, batch_tokens: int = 8192, max_length: int = 128, **section: Any) -> Scorer:
    return reward_model.open_scorer(
        reward, replace(tiny.score, batch_tokens=batch_tokens, **section), max_length=max_length
    )


def one_by_one(
    reward: Path, conversations: list[list[Message]], *, precision: str = "fp32", max_length: int = 128
) -> list[float]:
    """The classifier's own logit for each conversation by itself."""
    import torch

    tokens, model = checkpoints.tokenizer(reward), checkpoints.reward(reward, precision=precision).eval()
    found = []
    for turns in conversations:
        ids = tokens(tokens.apply_chat_template(turns, tokenize=False), add_special_tokens=False)["input_ids"]
        with torch.inference_mode():
            found.append(model(torch.tensor([ids[-max_length:]])).logits.item())
    return found


def passes(engine: Any) -> list[tuple[int, ...]]:
    """Grows by the rows and columns of every forward pass."""
    seen: list[tuple[int, ...]] = []
    engine._model.get_input_embeddings().register_forward_pre_hook(lambda _, given: seen.append(tuple(given[0].shape)))
    return seen


@pytest.mark.parametrize("batch_tokens", [1, 60, 300, 8192])
@pytest.mark.parametrize("max_length", [128, 60, 24, 3])
def test_scores_are_the_models_own(reward_dir: Path, tiny: Params, batch_tokens: int, max_length: int) -> None:
    found = scorer(reward_dir, tiny, batch_tokens=batch_tokens, max_length=max_length).score(GROUPS)
    assert found == pytest.approx(one_by_one(reward_dir, GROUPS, max_length=max_length), abs=1e-4)
    assert found[8:12] == found[8:10] * 2  # the same response twice


def test_half_precision(reward_dir: Path, tiny: Params) -> None:
    expected = one_by_one(reward_dir, GROUPS)
    found = scorer(reward_dir, tiny, precision="bf16").score(GROUPS)
    assert found == pytest.approx(expected, abs=0.05 * (max(expected) - min(expected)))  # bf16 keeps 8 bits


def test_different_conversations_differ(reward_dir: Path, tiny: Params) -> None:
    assert len({round(score, 4) for score in scorer(reward_dir, tiny).score(GROUPS)}) == len(GROUPS) - 2


def test_no_conversations(reward_dir: Path, tiny: Params) -> None:
    assert scorer(reward_dir, tiny).score([]) == []


def test_a_prompt_is_computed_once(reward_dir: Path, tiny: Params) -> None:
    engine = scorer(reward_dir, tiny)
    seen = passes(engine)
    same = [conversation(answer, LONG_QUESTION) for answer in ("4", "5", "not 4", "not 5")]
    tokens = checkpoints.tokenizer(reward_dir)
    lengths = [len(tokens.apply_chat_template(turns)["input_ids"]) for turns in same]
    engine.score(same * 2)
    (prompts, prompt_tokens), (rows, response_tokens), ends = seen
    assert (prompts, rows) == (1, 4)
    assert prompt_tokens > 30
    assert prompt_tokens + response_tokens == max(lengths) - 1
    assert ends == (4, 1)  # the tokens at which rewards are read


@pytest.mark.parametrize("batch_tokens", [60, 300])
def test_batches_hold_no_more_than_they_may(reward_dir: Path, tiny: Params, batch_tokens: int) -> None:
    engine = scorer(reward_dir, tiny, batch_tokens=batch_tokens)
    seen = passes(engine)
    engine.score(GROUPS)
    assert all(rows == 1 or rows * columns <= batch_tokens for rows, columns in seen)
    assert any(rows > 1 for rows, _ in seen)


def test_long_conversations_lose_their_beginning(reward_dir: Path, tiny: Params) -> None:
    engine = scorer(reward_dir, tiny, max_length=8)
    same, different = "I am not sure about that. " * 6, "5 minus 1 is 4. " * 6
    start, elsewhere, other_end = engine.score(
        [conversation(same), conversation(same, "How can I fix a car?"), conversation(different)]
    )
    assert start == pytest.approx(elsewhere, abs=1e-6)
    assert start != pytest.approx(other_end, abs=1e-4)


def test_sliding_windows_shorter_than_the_prompt(tokenizer_dir: Path, tiny: Params, tmp_path: Path) -> None:
    tokens = checkpoints.tokenizer(tokenizer_dir)
    reward = new_reward("mistral", tokenizer_dir, tmp_path, num_key_value_heads=1, sliding_window=5)
    engine = scorer(reward, tiny)
    seen = passes(engine)
    found = engine.score(GROUPS)
    assert found == pytest.approx(one_by_one(reward, GROUPS), abs=1e-4)
    assert sum(rows * columns for rows, columns in seen) < sum(
        len(tokens.apply_chat_template(turns)["input_ids"]) for turns in GROUPS
    )


@pytest.mark.parametrize("name", ["bert", "gpt2", "deberta-v2"])
def test_other_architectures_compute_rows_whole(
    name: str, tokenizer_dir: Path, tiny: Params, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    reward = new_reward(name, tokenizer_dir, tmp_path)
    engine = scorer(reward, tiny, batch_tokens=300)
    for _ in range(2):
        assert engine.score(GROUPS) == pytest.approx(one_by_one(reward, GROUPS), abs=1e-4)
    assert capfd.readouterr().out.count("computes every row whole") == 1


def test_a_model_without_padding(reward_dir: Path, tiny: Params, tmp_path: Path) -> None:
    """As on the hub: no pad token, and no row of the embedding for one."""
    model, tokens = checkpoints.reward(reward_dir, precision="fp32"), checkpoints.tokenizer(reward_dir)
    model.config.pad_token_id = None
    model.save_pretrained(tmp_path)
    tokens.save_pretrained(tmp_path)
    settings = json.loads((tmp_path / "tokenizer_config.json").read_text())
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({**settings, "pad_token": None}))
    assert checkpoints.tokenizer(tmp_path).pad_token == "[PAD]"
    assert scorer(tmp_path, tiny).score(GROUPS) == pytest.approx(one_by_one(reward_dir, GROUPS), abs=1e-4)


MEMORY_SCRIPT = """
import json
import resource
import sys
from dataclasses import replace
from pathlib import Path

from rlhf_data import errors, params
from rlhf_data.judges import reward_model

section = replace(params.load_profile("tiny").score, batch_tokens=1_000_000)
engine = reward_model.open_scorer(Path(sys.argv[1]), section, max_length=1_000_000)
engine.score(json.loads(sys.argv[2]))  # loads what is loaded late
tokenise = reward_model._rows


def then_limit(*arguments):  # the passes alone: the tokenizer's library aborts the process where memory runs out
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    rows = tokenise(*arguments)
    (size,) = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmSize")]
    resource.setrlimit(resource.RLIMIT_AS, (int(size) * 1024 + room, resource.RLIM_INFINITY))
    return rows


reward_model._rows = then_limit
for room, conversations in json.load(sys.stdin):
    try:
        print("SCORES " + json.dumps(engine.score(conversations)))
    except errors.EngineError as error:
        print(f"EngineError: {error}")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")
def test_memory_that_runs_out_halves_the_batches(reward_dir: Path, tiny: Params) -> None:
    questions = [
        f"What is {a} minus {b}? {start}" for a in range(10) for b in range(12) for start in ("", LONG_QUESTION)
    ]
    many = [conversation("5 minus 1 is 4. " * 10, question) for question in questions] + [
        conversation(f"{a}", question) for question in questions[:40] for a in range(5)
    ]
    one = [*CONVERSATIONS, conversation("5 minus 1 is 4. " * 20_000)]
    done = subprocess.run(
        [sys.executable, "-c", MEMORY_SCRIPT, reward_dir, json.dumps(CONVERSATIONS)],
        input=json.dumps([(8 * 2**20, many), (24 * 2**20, one)]),
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    halved, rest = done.stdout.split("SCORES ")
    assert "out of memory: score.batch_tokens is " in halved
    scores, said = rest.split("\n", 1)
    assert json.loads(scores) == pytest.approx(scorer(reward_dir, tiny, max_length=1_000_000).score(many), abs=1e-4)
    assert (
        "EngineError: memory does not hold the forward pass of a single conversation of at most 1000000 tokens" in said
    )
    assert "or with engine: vllm" in said


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([(1, 2, 3), (1, 2, 4)], 2),
        ([(1, 2, 3), (1, 2)], 1),  # a row that begins another keeps its last token
        ([(1, 2), (3, 4)], 0),
        ([(1, 2)], 1),
        ([(7,), (7, 8)], 0),
    ],
)
def test_shared_tokens(rows: list[tuple[int, ...]], expected: int) -> None:
    assert prompt_groups.shared_tokens(rows) == expected


def test_groups_are_by_prompt_and_apart_where_the_beginning_may_be_lost() -> None:
    one, other = conversation("")[:1], conversation("", "Who?")[:1]
    rows = [(1, 2, 3), (1, 4, 3), (1, 2, 5), (9, 9, 9, 9), (1, 2, 3)]
    assert prompt_groups.groups([one, other, one, one, one], rows, max_length=4) == [
        Group(2, [(1, 2, 3), (1, 2, 5)]),
        Group(2, [(1, 4, 3)]),
        Group(3, [(9, 9, 9, 9)]),
    ]


def test_a_prompt_alone_does_not_pay() -> None:
    assert not prompt_groups.pays(Group(9, [tuple(range(10))]))
    assert prompt_groups.pays(Group(9, [tuple(range(10)), (*range(9), 10)]))
    assert not prompt_groups.pays(Group(1, [(0, *range(1, 60)), (0, *range(2, 60))]))


VLLM_SCRIPT = """
import json
import sys
from dataclasses import replace
from pathlib import Path

from rlhf_data import params
from rlhf_data.judges import reward_model

if __name__ == "__main__":
    section = replace(params.load_profile("tiny").score, engine="vllm", gpu_memory_utilization=0.2)
    engine = reward_model.open_scorer(Path(sys.argv[1]), section, max_length=int(sys.argv[2]))
    print("SCORES " + json.dumps([engine.score(given) for given in (json.loads(sys.argv[3]), [])]))
"""


@pytest.mark.timeout(300)
def test_vllm_gives_the_same_scores(reward_dir: Path) -> None:
    pytest.importorskip("vllm")
    settings = {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_CPU_KVCACHE_SPACE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", VLLM_SCRIPT, reward_dir, "60", json.dumps(GROUPS)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, **settings},
        check=False,
    )
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("SCORES ")] or [done.stderr]
    found, none = json.loads(line.removeprefix("SCORES "))
    assert found == pytest.approx(one_by_one(reward_dir, GROUPS, max_length=60), abs=1e-3)
    assert none == []


@pytest.mark.parametrize("kind", ["llama", "gpt2", "modernbert", "roberta"])
def test_a_bf16_model_gives_distinct_rewards_in_fp32(kind: str, tokenizer_dir: Path, tmp_path: Path) -> None:
    import torch

    named = {"gpt2": {"n_embd": 64, "n_layer": 2, "n_head": 2}, "roberta": {"max_position_embeddings": 40}}
    folder = new_reward(kind, tokenizer_dir, tmp_path / kind, **named.get(kind, {}))
    whole, half = (checkpoints.reward(folder, precision=precision) for precision in ("fp32", "bf16"))
    assert half.base_model.dtype == torch.bfloat16
    exact = dict(whole.named_parameters())
    heads = [name for name, weight in half.named_parameters() if weight.dtype == torch.float32]
    assert heads
    assert all(torch.equal(half.get_parameter(name), exact[name]) for name in heads)  # not rounded on the way
    ids = torch.randint(2, 200, (600, 12), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        rewards = half(input_ids=ids).logits[:, 0]
        assert rewards.dtype == torch.float32
        assert len(set(rewards.tolist())) > 590
        assert torch.corrcoef(torch.stack([rewards, whole(input_ids=ids).logits[:, 0]]))[0, 1] > 0.99


def test_training_saves_the_head_as_it_was_trained(reward_dir: Path, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    model = checkpoints.reward(reward_dir, precision="fp32")
    head = model.score.weight.detach().clone()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        ids = torch.randint(2, 200, (600, 12), generator=torch.Generator().manual_seed(0))
        rewards = model(input_ids=ids).logits[:, 0]
    assert rewards.dtype == torch.float32
    assert len(set(rewards.tolist())) > 590  # as training computes them with bf16 arithmetic
    checkpoints.save(model, "bf16", tmp_path)
    saved = load_file(tmp_path / "model.safetensors")
    assert {name for name, tensor in saved.items() if tensor.dtype == torch.float32} == {"score.weight"}
    assert torch.equal(saved["score.weight"], head)
    assert checkpoints.reward(tmp_path, precision="bf16").dtype == torch.bfloat16
