"""A real one-layer policy: its responses depend on prompt and seed, and on nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from rlhf_data import generators, models
from rlhf_data.engines import Request, Response
from rlhf_data.errors import PromptError
from rlhf_data.schemas import Message
from rlhf_data.sections import GenerateParams, Params

ROOT = Path(__file__).parents[1]
QUESTIONS = [
    "What is 5 minus 1?",
    "Hi! Where does a frog live?",
    "How can I fix a car?",
    "Tom has 4 cups and gets 2. How many are there now?",
]
REQUESTS = [Request([{"role": "user", "content": question}], seed) for seed in range(5) for question in QUESTIONS]
VLLM_SCRIPT = """
import json
import sys
from dataclasses import replace
from pathlib import Path

from rlhf_data import generators, params
from rlhf_data.engines import Request

if __name__ == "__main__":
    section = replace(params.load_profile("tiny").generate, engine="vllm", max_tokens=6, max_model_len=128,
                      gpu_memory_utilization=0.2)
    requests = [Request(*request) for request in json.loads(sys.argv[2])]
    engine = generators.open_generator(Path(sys.argv[1]), section, temperature=1.0)
    answers = [dict(engine.generate(order)) for order in (requests, requests, requests[::-1])]
    print("ANSWERS " + json.dumps([[found[place] for place in range(len(requests))] for found in answers]))
"""


@pytest.fixture(scope="session")
def section(tiny: Params) -> GenerateParams:
    return replace(tiny.generate, max_tokens=12, max_model_len=128, batch_size=8)


def answer(
    policy: Path, section: GenerateParams, requests: list[Request], *, temperature: float = 1.0
) -> list[Response]:
    engine = generators.open_generator(policy, section, temperature=temperature)
    found = dict(engine.generate(requests))
    assert sorted(found) == list(range(len(requests)))
    return [found[place] for place in range(len(requests))]


@pytest.mark.parametrize("batch_size", [1, 3, 20])
def test_batches_decide_nothing(policy_dir: Path, section: GenerateParams, batch_size: int) -> None:
    expected = answer(policy_dir, section, REQUESTS)
    assert answer(policy_dir, replace(section, batch_size=batch_size), REQUESTS) == expected


def test_order_and_company_decide_nothing(policy_dir: Path, section: GenerateParams) -> None:
    expected = answer(policy_dir, section, REQUESTS)
    assert answer(policy_dir, section, REQUESTS[::-1]) == expected[::-1]
    assert answer(policy_dir, section, REQUESTS[5:7]) == expected[5:7]


def test_seeds_decide(policy_dir: Path, section: GenerateParams) -> None:
    found = answer(policy_dir, section, [Request(REQUESTS[0].prompt, seed) for seed in (0, 1, 2, 0, 2**63 - 1)])
    assert found[0] == found[3]
    assert len({response.text for response in found}) == 4


def test_finish_reasons_and_token_counts(policy_dir: Path, section: GenerateParams) -> None:
    found = answer(policy_dir, section, [Request(REQUESTS[0].prompt, seed) for seed in range(60)])
    assert {response.finish_reason for response in found} == {"stop", "length"}
    for response in found:
        assert "<|" not in response.text
        # its end of turn counts too
        assert (1 <= response.tokens <= 12) if response.finish_reason == "stop" else (response.tokens == 12)
    assert Response("", 1, "stop") in found


def test_a_shorter_limit_cuts_the_same_responses(policy_dir: Path, section: GenerateParams) -> None:
    whole, cut = (answer(policy_dir, replace(section, max_tokens=most), REQUESTS) for most in (12, 4))
    for long, short in zip(whole, cut, strict=True):
        assert long.text.startswith(short.text.rstrip("\ufffd"))  # a cut character
        assert (short == long) is (long.tokens <= 4 and long.finish_reason == "stop")


def test_low_temperatures_take_the_likeliest(policy_dir: Path, section: GenerateParams) -> None:
    cold = answer(policy_dir, section, [Request(REQUESTS[0].prompt, seed) for seed in range(8)], temperature=1e-4)
    assert len({response.text for response in cold}) == 1


def test_prompts_that_do_not_fit_are_counted(policy_dir: Path, section: GenerateParams) -> None:
    long: list[Message] = [{"role": "user", "content": "What is 5 minus 1? " * 40}]
    with pytest.raises(PromptError) as caught:
        answer(policy_dir, section, [*REQUESTS, Request(long, 0), Request(long, 1)])
    assert str(caught.value) == (
        "2 of 22 prompts have more than 116 tokens, chat template included: with generate.max_tokens 12 they pass "
        "generate.max_model_len 128\n  lower prompts.max_tokens, and the prompts stage will reject them on the record"
    )


def test_the_longest_prompt_that_fits(policy_dir: Path, section: GenerateParams) -> None:
    tokens = models.tokenizer(policy_dir)
    ids = tokens.apply_chat_template(REQUESTS[0].prompt, add_generation_prompt=True)["input_ids"]
    room = replace(section, max_model_len=len(ids) + 12)
    assert answer(policy_dir, room, REQUESTS[:1]) == answer(policy_dir, section, REQUESTS[:1])
    with pytest.raises(PromptError, match="1 of 1 prompts"):
        answer(policy_dir, replace(section, max_model_len=len(ids) + 11), REQUESTS[:1])


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_noise_draws_from_the_softmax(temperature: float) -> None:
    import torch

    logits = torch.tensor([2.0, 1.0, 0.0, -1.0, 1.5])
    draws = 20_000
    noisy = generators._gumbel_noise(list(range(draws)), temperature, "cpu")(None, logits.expand(draws, 5))
    counts = noisy.argmax(dim=1).bincount(minlength=5)
    expected = (logits / temperature).softmax(dim=0) * draws
    chi_square = ((counts - expected) ** 2 / expected).sum()
    assert chi_square < 18.47  # 99.9 % of draws, with 4 degrees of freedom


def test_sampled_first_tokens_follow_the_model(policy_dir: Path, section: GenerateParams) -> None:
    import torch

    tokens, model = models.tokenizer(policy_dir), models.causal(policy_dir, precision="fp32")
    ids = tokens.apply_chat_template(REQUESTS[0].prompt, add_generation_prompt=True, return_tensors="pt")
    with torch.inference_mode():
        ends = model(**ids).logits[0, -1].softmax(dim=0)[tokens.eos_token_id].item()
    requests = [Request(REQUESTS[0].prompt, seed) for seed in range(2000)]
    found = answer(policy_dir, replace(section, max_tokens=1, batch_size=500), requests)
    counts = Counter(response.finish_reason for response in found)
    assert 0.05 < ends < 0.5
    assert counts["stop"] / 2000 == pytest.approx(ends, abs=4 * (ends * (1 - ends) / 2000) ** 0.5)


@pytest.mark.timeout(180)
def test_vllm_answers_the_same_to_the_same_seeds(policy_dir: Path, tmp_path: Path) -> None:
    pytest.importorskip("vllm")
    requests = [Request(REQUESTS[seed % 4].prompt, seed) for seed in range(60)]
    script = tmp_path / "answer.py"
    script.write_text(VLLM_SCRIPT)
    settings = {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_CPU_KVCACHE_SPACE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, script, policy_dir, json.dumps(requests)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, **settings, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("ANSWERS ")] or [done.stderr]
    first, again, backwards = (
        [Response(*response) for response in found] for found in json.loads(line.removeprefix("ANSWERS "))
    )
    assert first == again
    assert first == backwards[::-1]
    assert len({response.text for response in first}) > 30
    assert {response.finish_reason for response in first} == {"stop", "length"}
    for response in first:
        assert "<|" not in response.text
        assert (1 <= response.tokens <= 6) if response.finish_reason == "stop" else (response.tokens == 6)
    assert Response("", 1, "stop") in first
