"""How fast responses are drawn: transformers.generate as it comes, our TransformersGenerator, and our VllmGenerator.

All draw the same number of tokens from the same Llama of 1M parameters, which never ends its turn, at temperature 1: 8
responses to each prompt, first to the embedded world's short prompts, then to longer ones of random words. vLLM does so
with one copy of the model, and with several. Each engine is a process of its own; start-up and a first, smaller run are
not measured. The measured runs take turns, each has prompts that no engine has seen, and each engine's best one counts.

    python benchmarks/generation.py                    # 4,096 responses of 64 tokens
    python benchmarks/generation.py --requests 512     # a quick look
    python benchmarks/generation.py --requests 512 --engines generate transformers --policy models/smollm2

With `--policy`, a chat model that is there answers everyday requests and ends its turns where it likes: what counts is
the tokens of its answers.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import words

from rlhf_data import params
from rlhf_data.generation.open import open_generator
from rlhf_data.inference.protocols import Request
from rlhf_data.models import checkpoints, tokenizers
from rlhf_data.params.loop import GenerateParams
from rlhf_data.params.training import LlamaSize
from rlhf_data.requests import records as requests
from rlhf_data.schemas import Message
from rlhf_data.world import records

SIZE = LlamaSize(hidden_size=128, intermediate_size=384, layers=4, heads=4, context=512)
SAMPLES = 8
WARM_UP = 256  # requests
PROMPTS = ("short", "long")
OF_A_POLICY = ("requests",)  # of one that is there
ENGINES = {
    "generate": "transformers.generate, do_sample",
    "transformers": "TransformersGenerator",
    "vllm": "VllmGenerator",
    "vllm_copies": "VllmGenerator, data_parallel",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=4096, help="responses to draw (default: %(default)s)")
    parser.add_argument("--tokens", type=int, default=64, help="tokens of each (default: %(default)s)")
    parser.add_argument(
        "--batch-size", type=int, default=256, help="of the transformers engines (default: %(default)s)"
    )
    parser.add_argument(
        "--prompt-tokens",
        type=int,
        default=160,
        help="mean length of the longer prompts, drawn within half of it either way (default: %(default)s)",
    )
    parser.add_argument("--runs", type=int, default=2, help="measured runs of each engine (default: %(default)s)")
    parser.add_argument(
        "--copies", type=int, default=os.cpu_count(), help="vLLM's, where it has several (default: one a core)"
    )
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES), help="default: all")
    parser.add_argument("--policy", type=Path, help="a chat model's folder (default: the Llama that never ends)")
    parser.add_argument("--worker", nargs=2, metavar=("ENGINE", "POLICY"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        engine, policy = options.worker
        work(engine, Path(policy), options)
    elif options.policy:
        compare(options.policy, options)
    else:
        with tempfile.TemporaryDirectory() as folder:
            compare(endless_policy(Path(folder) / "policy"), options)


def endless_policy(folder: Path) -> Path:
    """A Llama with random weights to which its end of turn, and padding, are the least likely tokens."""
    chats = records.records("instructions", 1000, seed=0)
    tokenizers.train([turn["content"] for chat in chats for turn in chat["messages"]], folder, vocab_size=1024)
    tokens = checkpoints.tokenizer(folder)
    model = checkpoints.new_llama(SIZE, tokens, seed=0)
    embedding = model.get_input_embeddings().weight.data  # the output's too
    embedding[:, 0] = 0.5
    embedding[[tokens.eos_token_id, tokens.pad_token_id], 0] = -5.0
    model.save_pretrained(folder)
    return folder


def compare(policy: Path, options: argparse.Namespace) -> None:
    given = {name: value for name, value in vars(options).items() if value is not None and name != "engines"}
    shared = [f"--{name.replace('_', '-')}={value}" for name, value in given.items()]
    workers = {
        engine: subprocess.Popen(
            [sys.executable, __file__, *shared, "--worker", engine, str(policy)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for engine in options.engines
    }
    try:
        for worker in workers.values():
            told(worker, "ready")
        threads = os.environ.get("OMP_NUM_THREADS", "as each library chooses")
        print(f"{options.requests} responses x {options.tokens} tokens, {os.cpu_count()} cores, threads: {threads}")
        for prompts in OF_A_POLICY if options.policy else PROMPTS:
            rates = {engine: 0.0 for engine in options.engines}
            for run in range(options.runs):
                for engine, worker in workers.items():
                    worker.stdin.write(f"{prompts} {run}\n")  # type: ignore[union-attr]  # a pipe
                    worker.stdin.flush()  # type: ignore[union-attr]
                    rates[engine] = max(rates[engine], float(told(worker, "rate")))
            print_table(prompts, rates)
    finally:
        for worker in workers.values():
            worker.communicate()  # the end of its input ends it


def told(worker: subprocess.Popen[str], what: str) -> str:
    """What a worker says after the word; its other lines are the libraries'."""
    assert worker.stdout is not None
    for line in worker.stdout:
        if line.startswith(f"{what} "):
            return line.removeprefix(f"{what} ").strip()
    sys.exit(f"a worker ended before it was {what}; its message is above")


def print_table(prompts: str, rates: dict[str, float]) -> None:
    print(f"\n{prompts + ' prompts':<36}{'tokens/s':>12}{'ratio':>8}")
    for engine, rate in rates.items():
        print(f"{ENGINES[engine]:<36}{rate:>12,.0f}{rate / next(iter(rates.values())):>8.2f}", flush=True)


def work(engine: str, policy: Path, options: argparse.Namespace) -> None:
    section = replace(
        params.load_profile("tiny").generate,
        engine="vllm" if engine.startswith("vllm") else "transformers",
        data_parallel=options.copies if engine == "vllm_copies" else 1,
        max_tokens=options.tokens,
        max_model_len=SIZE.context,
        batch_size=options.batch_size,
    )
    draw = plain(policy, section) if engine == "generate" else ours(policy, section)

    for prompts in OF_A_POLICY if options.policy else PROMPTS:
        draw(asked(prompts, policy, options, seed=options.runs)[:WARM_UP])
    print("ready now", flush=True)
    for line in sys.stdin:
        prompts, run = line.split()
        wanted = asked(prompts, policy, options, seed=int(run))
        start = time.perf_counter()
        written = draw(wanted)
        took = time.perf_counter() - start
        if not options.policy and written != len(wanted) * options.tokens:
            sys.exit(f"{engine} wrote {written} tokens instead of {len(wanted) * options.tokens}")
        print(f"rate {written / took}", flush=True)


def asked(prompts: str, policy: Path, options: argparse.Namespace, *, seed: int) -> list[Request]:
    """The requests of a run, K to a prompt."""
    count = -(-options.requests // SAMPLES)
    if prompts == "requests":
        found = [row["prompt"] for row in requests.prompts(count, "trained", f"benchmark {seed}")]
    elif prompts == "short":
        found = [row["prompt"] for row in records.records("prompts", count, seed=seed)]
    else:
        found = long_prompts(count, checkpoints.tokenizer(policy), tokens=options.prompt_tokens, seed=seed)
    return [Request(prompt, sample, 1.0) for prompt in found for sample in range(SAMPLES)][: options.requests]


def long_prompts(count: int, tokenizer: Any, *, tokens: int, seed: int) -> list[list[Message]]:
    """Random words of one token each."""
    draw, choices = random.Random(seed), words.of_one_token(tokenizer)
    lengths = (round(tokens * draw.uniform(0.5, 1.5)) for _ in range(count))
    return [[Message(role="user", content="".join(draw.choices(choices, k=length)))] for length in lengths]


def ours(policy: Path, section: GenerateParams) -> Callable[[list[Request]], int]:
    engine = open_generator(policy, section)
    return lambda requests: sum(response.tokens for _, response in engine.generate(requests))


def plain(policy: Path, section: GenerateParams) -> Callable[[list[Request]], int]:
    """What one writes first: batches of like length, from prompts to texts."""
    import torch

    tokens, model = checkpoints.tokenizer(policy), checkpoints.causal(policy, precision=section.precision)

    def draw(requests: list[Request]) -> int:
        texts = [tokens.apply_chat_template(one.prompt, add_generation_prompt=True, tokenize=False) for one in requests]
        texts.sort(key=len)
        written = 0
        for start in range(0, len(texts), section.batch_size):
            batch = texts[start : start + section.batch_size]
            inputs: Any = tokens(
                batch, add_special_tokens=False, padding=True, padding_side="left", return_tensors="pt"
            )
            with torch.inference_mode():
                found = model.generate(**inputs, do_sample=True, top_k=0, max_new_tokens=section.max_tokens)
            answers = found[:, inputs["input_ids"].shape[1] :]
            tokens.batch_decode(answers, skip_special_tokens=True)
            written += int((answers != tokens.pad_token_id).sum())
        return written

    return draw


if __name__ == "__main__":
    main()
