"""A real one-layer policy: its responses depend on prompt and seed, and on nothing else."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest

from rlhf_data.errors import EngineError, ParamsError, PromptError
from rlhf_data.generation import transformers_engine
from rlhf_data.generation.open import open_generator, refuse_long
from rlhf_data.inference import openai_client
from rlhf_data.inference.protocols import Completion, Generator, Request
from rlhf_data.models import checkpoints, folders
from rlhf_data.params.loop import GenerateParams
from rlhf_data.params.profiles import Params
from rlhf_data.schemas import Message

ROOT = Path(__file__).parents[2]
QUESTIONS = [
    "What is 5 minus 1?",
    "Hi! Where does a frog live?",
    "How can I fix a car?",
    "Tom has 4 cups and gets 2. How many are there now?",
]
REQUESTS = [Request([{"role": "user", "content": question}], seed, 1.0) for seed in range(5) for question in QUESTIONS]
MIXED = [request._replace(temperature=(1.0, 0.7, 1e-4)[place % 3]) for place, request in enumerate(REQUESTS)]
VLLM_SCRIPT = """
import json
import sys
from dataclasses import replace
from itertools import count, islice
from pathlib import Path

from rlhf_data import params
from rlhf_data.generation.open import open_generator
from rlhf_data.inference.protocols import Request

def endless(requests, taken):
    for place in count():
        taken.append(place)
        yield requests[place % len(requests)]

if __name__ == "__main__":
    section = replace(params.load_profile("tiny").generate, engine="vllm", max_tokens=6, max_model_len=128,
                      gpu_memory_utilization=0.2, data_parallel=int(sys.argv[3]))
    requests = [Request(*request) for request in json.loads(sys.argv[2])]
    engine = open_generator(Path(sys.argv[1]), section)
    taken = []
    some = engine.generate(endless(requests, taken))
    print("TAKEN", len(list(islice(some, 20))), len(taken))
    some.close()
    answers = [dict(engine.generate(iter(order))) for order in (requests, requests, requests[::-1])]
    print("ANSWERS " + json.dumps([[found[place] for place in range(len(requests))] for found in answers]))
"""


@pytest.fixture(scope="session")
def section(tiny: Params) -> GenerateParams:
    return replace(tiny.generate, max_tokens=12, max_model_len=128, batch_size=8)


def answer(policy: Path, section: GenerateParams, requests: list[Request]) -> list[Completion]:
    return in_order(open_generator(policy, section), requests)


def in_order(engine: Generator, requests: list[Request]) -> list[Completion]:
    found = dict(engine.generate(iter(requests)))
    assert sorted(found) == list(range(len(requests)))
    return [found[place] for place in range(len(requests))]


def plausible(found: list[Completion], *, most: int) -> None:
    assert {response.finish_reason for response in found} == {"stop", "length"}
    for response in found:
        assert "<|" not in response.text
        # its end of turn counts too
        assert (1 <= response.tokens <= most) if response.finish_reason == "stop" else (response.tokens == most)
    assert Completion("", 1, "stop") in found


@pytest.mark.parametrize("batch_size", [1, 3, 20])
def test_batches_decide_nothing(policy_dir: Path, section: GenerateParams, batch_size: int) -> None:
    expected = answer(policy_dir, section, MIXED)
    assert answer(policy_dir, replace(section, batch_size=batch_size), MIXED) == expected


def test_windows_decide_nothing(policy_dir: Path, section: GenerateParams, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = answer(policy_dir, section, MIXED)
    monkeypatch.setattr(transformers_engine, "WINDOW_BATCHES", 1)
    assert answer(policy_dir, replace(section, batch_size=3), MIXED) == expected


def test_order_and_company_decide_nothing(policy_dir: Path, section: GenerateParams) -> None:
    expected = answer(policy_dir, section, MIXED)
    assert answer(policy_dir, section, MIXED[::-1]) == expected[::-1]
    assert answer(policy_dir, section, MIXED[5:7]) == expected[5:7]


def test_requests_are_taken_as_there_is_room(policy_dir: Path, section: GenerateParams) -> None:
    taken: list[Request] = []
    engine = open_generator(policy_dir, replace(section, batch_size=2))
    answers = engine.generate(taken.append(request) or request for request in cycle(REQUESTS))  # type: ignore[func-returns-value]
    assert len(list(islice(answers, 3 * 32))) == 96
    assert len(taken) <= 4 * 32


def test_seeds_decide(policy_dir: Path, section: GenerateParams) -> None:
    seeds = (0, 1, 2, 0, 2**63 - 1, 2**32)  # not their low 32 bits alone
    found = answer(policy_dir, section, [REQUESTS[0]._replace(seed=seed) for seed in seeds])
    assert found[0] == found[3]
    assert len({response.text for response in found}) == 5


def test_finish_reasons_and_token_counts(policy_dir: Path, section: GenerateParams) -> None:
    plausible(answer(policy_dir, section, [REQUESTS[0]._replace(seed=seed) for seed in range(60)]), most=12)


def test_of_generation_config_only_the_end_tokens_count(
    policy_dir: Path, section: GenerateParams, tmp_path: Path
) -> None:
    requests = [REQUESTS[0]._replace(seed=seed) for seed in range(60)]
    tokens = checkpoints.tokenizer(policy_dir)
    begun = answer(policy_dir, replace(section, max_tokens=1), requests)
    ids = [tokens(response.text, add_special_tokens=False)["input_ids"] for response in begun]
    ((end, times),) = Counter(row[0] for row in ids if len(row) == 1).most_common(1)
    policy = shutil.copytree(policy_dir, tmp_path / "policy")
    advice = {"eos_token_id": [end], "do_sample": True, "top_k": 1, "repetition_penalty": 5.0}
    (policy / "generation_config.json").write_text(json.dumps(advice))

    expected = [
        Completion("", 1, "stop") if row == [end] else response for row, response in zip(ids, begun, strict=True)
    ]
    assert expected.count(Completion("", 1, "stop")) >= times + begun.count(Completion("", 1, "stop"))
    assert answer(policy, replace(section, max_tokens=1), requests) == expected


def test_a_shorter_limit_cuts_the_same_responses(policy_dir: Path, section: GenerateParams) -> None:
    whole, cut = (answer(policy_dir, replace(section, max_tokens=most), REQUESTS) for most in (12, 4))
    for long, short in zip(whole, cut, strict=True):
        assert long.text.startswith(short.text.rstrip("\ufffd"))  # a cut character
        assert (short == long) is (long.tokens <= 4 and long.finish_reason == "stop")


def test_low_temperatures_take_the_likeliest(policy_dir: Path, section: GenerateParams) -> None:
    cold = answer(policy_dir, section, [Request(REQUESTS[0].prompt, seed, 1e-4) for seed in range(8)])
    assert len({response.text for response in cold}) == 1


def test_prompts_that_do_not_fit_are_counted(policy_dir: Path, section: GenerateParams) -> None:
    long: list[Message] = [{"role": "user", "content": "What is 5 minus 1? " * 40}]
    prompts = [request.prompt for request in REQUESTS]
    refuse_long(policy_dir, section, prompts)
    with pytest.raises(PromptError) as caught:
        refuse_long(policy_dir, section, [*prompts, long, long])
    rest = (
        "more than 116 tokens, chat template included: with generate.max_tokens 12 they pass "
        "generate.max_model_len 128\n  lower prompts.max_tokens, and the prompts stage will reject them on the record"
    )
    assert str(caught.value) == f"2 of 22 prompts have {rest}"
    with pytest.raises(PromptError) as caught:
        answer(policy_dir, section, [*REQUESTS, Request(long, 0, 1.0)])
    assert str(caught.value) == f"the prompt of request 20 has {rest}"


@pytest.mark.parametrize(("config", "context"), [
    ({}, 128),
    ({"max_position_embeddings": None, "n_positions": 100}, 100),
    ({"rope_parameters": {"rope_type": "linear", "factor": 4.0}}, 512),
    ({"max_position_embeddings": 256, "rope_scaling": {"factor": 8, "original_max_position_embeddings": 16}}, 256),
    ({"max_position_embeddings": None}, None),
    ({"text_config": {"max_position_embeddings": 64}}, 64),
])  # fmt: skip
def test_a_length_beyond_the_context_is_refused_before_anything_is_loaded(
    policy_dir: Path, section: GenerateParams, tmp_path: Path, config: dict[str, Any], context: int | None
) -> None:
    settings = json.loads((policy_dir / "config.json").read_text()) | config
    (tmp_path / "config.json").write_text(json.dumps(settings))  # and there is nothing else to be loaded
    most = context or 10**6
    assert folders.context(tmp_path) == context
    with pytest.raises(EngineError, match=r"no tokenizer|cannot be loaded"):
        refuse_long(tmp_path, replace(section, max_model_len=most), [])
    if context:
        with pytest.raises(ParamsError, match=rf"max_model_len {most + 1} is beyond the context of .*, {most} tokens"):
            refuse_long(tmp_path, replace(section, max_model_len=most + 1), [])


def test_the_longest_prompt_that_fits(policy_dir: Path, section: GenerateParams) -> None:
    tokens = checkpoints.tokenizer(policy_dir)
    ids = tokens.apply_chat_template(REQUESTS[0].prompt, add_generation_prompt=True)["input_ids"]
    room = replace(section, max_model_len=len(ids) + 12)
    assert answer(policy_dir, room, REQUESTS[:1]) == answer(policy_dir, section, REQUESTS[:1])
    with pytest.raises(PromptError, match="the prompt of request 0 has"):
        answer(policy_dir, replace(section, max_model_len=len(ids) + 11), REQUESTS[:1])


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_noise_draws_from_the_softmax(temperature: float) -> None:
    import torch

    logits = torch.tensor([2.0, 1.0, 0.0, -1.0, 1.5])
    draws = 20_000
    requests = [Request([], seed, temperature) for seed in range(draws)]
    drawn = transformers_engine._Draws(requests).tokens(list(range(draws)), logits.expand(draws, 5))
    counts = drawn.bincount(minlength=5)
    expected = (logits / temperature).softmax(dim=0) * draws
    chi_square = ((counts - expected) ** 2 / expected).sum()
    assert chi_square < 18.47  # 99.9 % of draws, with 4 degrees of freedom


def test_sampled_first_tokens_follow_the_model(policy_dir: Path, section: GenerateParams) -> None:
    import torch

    tokens, model = checkpoints.tokenizer(policy_dir), checkpoints.causal(policy_dir, precision="fp32")
    ids = tokens.apply_chat_template(REQUESTS[0].prompt, add_generation_prompt=True, return_tensors="pt")
    with torch.inference_mode():
        ends = model(**ids).logits[0, -1].softmax(dim=0)[tokens.eos_token_id].item()
    requests = [Request(REQUESTS[0].prompt, seed, 1.0) for seed in range(2000)]
    found = answer(policy_dir, replace(section, max_tokens=1, batch_size=500), requests)
    counts = Counter(response.finish_reason for response in found)
    assert 0.05 < ends < 0.5
    assert counts["stop"] / 2000 == pytest.approx(ends, abs=4 * (ends * (1 - ends) / 2000) ** 0.5)


@pytest.mark.timeout(600)
def test_vllm_answers_the_same_to_the_same_seeds(policy_dir: Path, tmp_path: Path) -> None:
    """Whatever their order, and on however many copies of the model."""
    pytest.importorskip("vllm")
    # more prompt tokens than one step of the engine takes
    requests = [Request(REQUESTS[seed % 4].prompt, seed, (1.0, 0.7)[seed % 2]) for seed in range(800)]
    script = tmp_path / "answer.py"
    script.write_text(VLLM_SCRIPT)

    def answered(copies: int) -> list[Completion]:
        done = subprocess.run(
            [sys.executable, script, policy_dir, json.dumps(requests), str(copies)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            env={**os.environ, "VLLM_CPU_KVCACHE_SPACE": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
            check=False,
        )
        said = dict(line.split(" ", 1) for line in done.stdout.splitlines() if line.startswith(("TAKEN ", "ANSWERS ")))
        assert "ANSWERS" in said, done.stderr
        some, taken = map(int, said["TAKEN"].split())
        assert some == 20
        assert taken < 5000  # of an endless supply
        first, again, backwards = (
            [Completion(*response) for response in found] for found in json.loads(said["ANSWERS"])
        )
        assert first == again
        assert first == backwards[::-1]
        return first

    first = answered(1)
    assert len({response.text for response in first}) > 100
    plausible(first, most=6)
    if len(os.sched_getaffinity(0)) > 1:
        assert answered(2) == first


@pytest.mark.parametrize("name", ["tensor_parallel", "data_parallel"])
def test_devices_that_are_not_there(policy_dir: Path, section: GenerateParams, name: str) -> None:
    many: dict[str, Any] = {name: 1000}
    with pytest.raises(EngineError, match=r"need 1000 GPUs .*, and this machine has"):
        open_generator(policy_dir, replace(section, engine="vllm", **many))


@pytest.fixture(scope="module")
def server(policy_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real server's endpoint."""
    pytest.importorskip("vllm")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = (
        f"{sys.executable} -m vllm.entrypoints.launchers.api_server.entry --model {policy_dir} "
        f"--served-model-name {policy_dir} --host 127.0.0.1 --port {port} --dtype float32 --max-model-len 128 "
        "--enforce-eager --no-enable-chunked-prefill"
    )
    settings = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_NO_USAGE_STATS": "1"}
    log = tmp_path_factory.mktemp("server") / "log"
    with log.open("w") as file:
        process = subprocess.Popen(
            command.split(),
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, **settings, "OMP_WAIT_POLICY": "PASSIVE"},
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + 300
        while not healthy(port):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.mark.timeout(400)
def test_a_server_answers_the_same_to_the_same_seeds(policy_dir: Path, section: GenerateParams, server: str) -> None:
    served = replace(section, engine="openai", endpoint=server, max_tokens=6)
    requests = [Request(REQUESTS[seed % 4].prompt, seed, (1.0, 0.7)[seed % 2]) for seed in range(60)]
    engine = open_generator(policy_dir, served)
    first = in_order(engine, requests)
    assert in_order(engine, requests[::-1]) == first[::-1]
    assert len({response.text for response in first}) > 30
    plausible(first, most=6)

    taken: list[Request] = []
    some = engine.generate(taken.append(request) or request for request in cycle(requests))  # type: ignore[func-returns-value]
    assert len(list(islice(some, 5))) == 5
    assert len(taken) <= 5 + served.batch_size


@pytest.mark.timeout(400)
def test_a_server_of_another_policy_is_refused(tokenizer_dir: Path, section: GenerateParams, server: str) -> None:
    with pytest.raises(EngineError) as caught:
        open_generator(tokenizer_dir, replace(section, engine="openai", endpoint=server))
    assert str(caught.value) == (
        f"{server} serves {tokenizer_dir.with_name('policy')}, not {tokenizer_dir}\n"
        f"  vllm serve {tokenizer_dir} --served-model-name {tokenizer_dir} --max-model-len 128"
    )


def test_a_server_that_is_not_there(policy_dir: Path, section: GenerateParams, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openai")
    monkeypatch.setattr(openai_client, "RETRIES", 1)
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        with pytest.raises(EngineError, match="is the server running and healthy"):
            open_generator(policy_dir, replace(section, engine="openai", endpoint=endpoint))
