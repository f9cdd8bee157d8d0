"""Rewards per second: this package's scorers against the one-by-one pipeline of the paper's released code.

A new Llama of a million parameters scores K responses to each of a few prompts, of random words: in turns by the
`transformers` pipeline with batches of one, by our transformers scorer, and by vLLM's pooling runner in a process of
its own (its start-up is not counted). Every engine reads the same texts, cut at the same length. Of each engine the
fastest turn counts.

    python benchmarks/scoring.py
    python benchmarks/scoring.py --prompts 32 --spread 0.5
    OMP_NUM_THREADS=1 python benchmarks/scoring.py --clock cpu --no-vllm     # on a machine with other work
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import words

from rlhf_data import params
from rlhf_data.judges import reward_model
from rlhf_data.models import checkpoints, tokenizers
from rlhf_data.params.training import LlamaSize
from rlhf_data.schemas import Message
from rlhf_data.world import records

ROOT = Path(__file__).parents[1]
SIZE = LlamaSize(hidden_size=128, intermediate_size=384, layers=4, heads=4, context=1024)
MAX_LENGTH = 1024
LENGTHS = [(500, 60), (160, 300), (60, 570), (20, 20)]  # tokens of prompt and response
TARGETS = [5.0, 2.0, 1.5, 6.0]  # times the pipeline


class Run(NamedTuple):
    """The fastest of an engine's turns, and what it gave."""

    seconds: float
    scores: list[float]


def main() -> None:
    given = arguments()
    if given.serve_vllm:
        serve_vllm(given.serve_vllm)
        return
    import torch

    with tempfile.TemporaryDirectory() as folder:
        reward = new_reward(Path(folder) / "reward")
        tokens = checkpoints.tokenizer(reward)
        tasks = [
            conversations(tokens, *lengths, prompts=given.prompts, samples=given.samples, spread=given.spread)
            for lengths in LENGTHS
        ]
        vllm = start_vllm(reward) if given.vllm else None
        engines: dict[str, Callable[[Any], Any]] = {
            "pipeline": pipeline(reward),
            "transformers": ours(reward, batch_tokens=given.batch_tokens).score,
        }
        if vllm:
            engines["vllm"] = lambda asked: ask(vllm, asked)
        size = sum(weight.numel() for weight in checkpoints.reward(reward, precision="fp32").parameters())
        print(
            f"{size:,} parameters, fp32, torch {torch.__version__}, {torch.get_num_threads()} threads (torch's "
            f"default, or OMP_NUM_THREADS); {given.prompts} prompts × {given.samples} responses, "
            f"lengths ± {given.spread:.0%}; batch_tokens {given.batch_tokens}; best of {given.turns}; "
            f"{given.clock} time\n"
        )
        print("| tokens of prompt / response | pipeline /s | transformers /s | × | target | vllm /s | × | apart by |")
        print("|---|---|---|---|---|---|---|---|")
        for lengths, target, asked in zip(LENGTHS, TARGETS, tasks, strict=True):
            runs = best(engines, asked, turns=given.turns, clock=given.clock)
            print(line(lengths, target, runs, len(asked)), flush=True)
        if vllm:
            vllm.communicate(timeout=60)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=16, help="prompts at each length (default: %(default)s)")
    parser.add_argument("--samples", type=int, default=8, help="K, responses to each prompt (default: %(default)s)")
    parser.add_argument(
        "--spread",
        type=float,
        default=0.0,
        help="lengths are drawn within ± this share of the mean (default: %(default)s)",
    )
    parser.add_argument("--turns", type=int, default=10, help="turns of each engine (default: %(default)s)")
    parser.add_argument("--batch-tokens", type=int, default=2048, help="score.batch_tokens (default: %(default)s)")
    parser.add_argument(
        "--clock",
        choices=["wall", "cpu"],
        default="wall",
        help="`cpu` counts CPU seconds, which other work on the machine disturbs less (default: %(default)s)",
    )
    parser.add_argument("--vllm", action=argparse.BooleanOptionalAction, default=True, help="measure vLLM too")
    parser.add_argument("--serve-vllm", type=Path, help=argparse.SUPPRESS)  # the process that this one starts
    return parser.parse_args()


def new_reward(folder: Path) -> Path:
    """A classifier with random weights, and a tokenizer of the embedded world's words."""
    from transformers import AutoModelForSequenceClassification, LlamaConfig, set_seed

    chats = records.records("instructions", 3000, seed=0)
    tokenizers.train([turn["content"] for chat in chats for turn in chat["messages"]], folder, vocab_size=1024)
    tokens = checkpoints.tokenizer(folder)
    set_seed(0)
    model = AutoModelForSequenceClassification.from_config(
        LlamaConfig(
            vocab_size=len(tokens),
            hidden_size=SIZE.hidden_size,
            intermediate_size=SIZE.intermediate_size,
            num_hidden_layers=SIZE.layers,
            num_attention_heads=SIZE.heads,
            max_position_embeddings=SIZE.context,
            bos_token_id=None,
            eos_token_id=tokens.eos_token_id,
            pad_token_id=tokens.pad_token_id,
            num_labels=1,
        )
    )
    for weight in model.parameters():
        if weight.dim() == 2:
            weight.data.mul_(3)  # so that scores tell conversations apart
    model.save_pretrained(folder)
    return folder


def conversations(
    tokens: Any, prompt: int, response: int, *, prompts: int, samples: int, spread: float
) -> list[list[Message]]:
    """Random words of one token each, all responses to a prompt next to each other."""
    draw = random.Random(0)
    choices = words.of_one_token(tokens)

    def text(mean: int) -> str:
        return "".join(draw.choices(choices, k=max(1, round(mean * draw.uniform(1 - spread, 1 + spread)))))

    asked = [text(prompt) for _ in range(prompts)]
    return [
        [Message(role="user", content=question), Message(role="assistant", content=text(response))]
        for question in asked
        for _ in range(samples)
    ]


def pipeline(reward: Path) -> Callable[[Sequence[list[Message]]], list[float]]:
    """As the paper's released code scores: `text-classification`, batches of one, the raw logit."""
    import transformers

    tokens = checkpoints.tokenizer(reward)
    scorer = transformers.pipeline(
        "text-classification", model=checkpoints.reward(reward, precision="fp32"), tokenizer=tokens, device="cpu"
    )

    def score(asked: Sequence[list[Message]]) -> list[float]:
        texts = [tokens.apply_chat_template(turns, tokenize=False) for turns in asked]
        found = scorer(
            texts,
            batch_size=1,
            function_to_apply="none",
            add_special_tokens=False,
            truncation=True,
            max_length=MAX_LENGTH,
        )
        return [one["score"] for one in found]

    return score


def ours(reward: Path, *, batch_tokens: int, engine: Literal["transformers", "vllm"] = "transformers") -> Any:
    """A scorer of this package, with the other numbers of the default profile."""
    section = replace(params.load_profile("tiny").score, engine=engine, batch_tokens=batch_tokens)
    return reward_model.open_scorer(reward, section, max_length=MAX_LENGTH)


def start_vllm(reward: Path) -> subprocess.Popen[str]:
    """A process that answers conversations with seconds and scores, one line of JSON each; returns when it is ready."""
    process = subprocess.Popen(
        [sys.executable, __file__, "--serve-vllm", str(reward)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    answer(process)
    return process


def serve_vllm(reward: Path) -> None:
    """Answers each line of stdin; `start_vllm`'s other side."""
    scorer = ours(reward, batch_tokens=1, engine="vllm")
    print("\nANSWER " + json.dumps({}), flush=True)
    for asked in sys.stdin:
        scorer._engine.reset_prefix_cache()  # it would know every conversation from the turn before
        wall, cpu = time.perf_counter(), time.process_time()
        scores = scorer.score(json.loads(asked))
        spent = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        print("\nANSWER " + json.dumps({**spent, "scores": scores}), flush=True)


def answer(process: Any) -> dict[str, Any]:
    for said in process.stdout:
        if said.startswith("ANSWER "):
            return json.loads(said.removeprefix("ANSWER "))  # type: ignore[no-any-return]
    raise SystemExit("vLLM did not start: is it installed? --no-vllm leaves it out")


def ask(process: Any, asked: Sequence[list[Message]]) -> dict[str, Any]:
    process.stdin.write(json.dumps(asked) + "\n")
    process.stdin.flush()
    return answer(process)


def best(
    engines: dict[str, Callable[[Any], Any]], asked: list[list[Message]], *, turns: int, clock: str
) -> dict[str, Run]:
    """Every engine in turn, again and again; one turn before the first is not counted."""
    now = time.perf_counter if clock == "wall" else time.process_time
    found: dict[str, Run] = {}
    for turn in range(turns + 1):
        for name, score in engines.items():
            with open(os.devnull, "w") as nowhere, redirect_stderr(nowhere):  # progress bars
                started = now()
                scores = score(asked if turn else asked[:16])
                seconds = now() - started
            if isinstance(scores, dict):
                seconds, scores = scores[clock], scores["scores"]
            if turn:
                found[name] = min(found.get(name, Run(seconds, scores)), Run(seconds, scores))
    return found


def line(lengths: tuple[int, int], target: float, runs: dict[str, Run], responses: int) -> str:
    base, other = runs["pipeline"], runs.get("vllm")
    apart = max(abs(score - base.scores[n]) for run in runs.values() for n, score in enumerate(run.scores))
    vllm = (f"{responses / other.seconds:.1f}", f"{base.seconds / other.seconds:.2f}") if other else ("–", "–")
    mine = runs["transformers"].seconds
    cells = [
        f"{lengths[0]} / {lengths[1]}",
        f"{responses / base.seconds:.1f}",
        f"{responses / mine:.1f}",
        f"{base.seconds / mine:.2f}",
        f"{target:g}",
        *vllm,
        f"{apart:.1e}",
    ]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
