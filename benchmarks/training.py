"""DPO steps with stored reference log-probabilities, against TRL with a reference model in memory.

    python benchmarks/training.py

A Llama with random weights learns from random tokens, of lengths as conversations have them; both ways see the same
batches, and take turns in one process, so that other load on the machine falls on both. A step with a reference model
is one forward pass more beside a forward and a backward pass, which costs about two: at most 4/3 of the time. Memory is
the peak of a process of its own each.

TRL can also compute the log-probabilities before it trains (`precompute_ref_log_probs`). Its steps are then as fast as
those with stored ones, but every training computes those of all its pairs anew; stored ones are computed once a pair.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from rlhf_data import params
from rlhf_data.models import checkpoints
from rlhf_data.params.training import LlamaSize, PolicyParams
from rlhf_data.training import stored_reference, trainers, trl_config

WAYS = ("stored", "in memory")
WORDS = 8192
TEMPLATE = (
    "{% for m in messages %}<{{ m['role'] }}> {{ m['content'] }} <end> {% endfor %}"
    "{% if add_generation_prompt %}<assistant> {% endif %}"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=10, help="of the Llama; 10 make 36M parameters (%(default)s)")
    parser.add_argument("--batch-size", type=int, default=2, help="pairs per step (%(default)s)")
    parser.add_argument("--steps", type=int, default=3, help="timed steps a turn, after one that is not (%(default)s)")
    parser.add_argument("--turns", type=int, default=3, help="of each way (%(default)s)")
    parser.add_argument(
        "--peak-of", choices=WAYS, help="trains one way and prints its peak memory: what the table asks"
    )
    parser.add_argument("--folder", type=Path, help="with the models, for --peak-of")
    asked = parser.parse_args()
    section = replace(
        params.load_profile("tiny").train_policy,
        batch_size=asked.batch_size, micro_batch_size=asked.batch_size, max_length=512, epochs=1,
    )  # fmt: skip
    pairs = random_pairs(asked.batch_size * (asked.steps + 1))
    if asked.peak_of:
        print(json.dumps(peak(asked.peak_of, section, pairs, asked.folder)))
        return
    with tempfile.TemporaryDirectory() as folder:
        save_models(Path(folder), layers=asked.layers)
        seconds = times(section, pairs, Path(folder), turns=asked.turns)
        peaks = {way: peak_of(way, Path(folder)) for way in WAYS}
    show(seconds, peaks)


def random_pairs(rows: int) -> pl.DataFrame:
    """Prompts and responses of random words, one token each: 40 and 100 in the middle, with long tails."""
    draw = random.Random(0)

    def text(median: int, longest: int) -> str:
        words = min(longest, max(4, round(draw.lognormvariate(0, 0.5) * median)))
        return " ".join(f"w{draw.randrange(WORDS)}" for _ in range(words))

    return pl.DataFrame(
        {
            "prompt_id": [str(row) for row in range(rows)],
            "prompt": [[{"role": "user", "content": text(40, 120)}] for _ in range(rows)],
            "chosen": [text(100, 300) for _ in range(rows)],
            "rejected": [text(100, 300) for _ in range(rows)],
        }
    )


def save_models(folder: Path, *, layers: int) -> None:
    """A tokenizer of one token a word, and two models with different weights: the policy and the reference."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from transformers import PreTrainedTokenizerFast

    words = ["<pad>", "<user>", "<assistant>", "<end>", *(f"w{word}" for word in range(WORDS))]
    plain = Tokenizer(WordLevel({word: place for place, word in enumerate(words)}, unk_token="<pad>"))
    plain.pre_tokenizer = WhitespaceSplit()
    tokens = PreTrainedTokenizerFast(
        tokenizer_object=plain, pad_token="<pad>", eos_token="<end>", chat_template=TEMPLATE
    )
    size = LlamaSize(hidden_size=512, intermediate_size=1408, layers=layers, heads=8, context=512)
    for seed, name in enumerate(("policy", "reference")):
        checkpoints.new_llama(size, tokens, seed=seed).save_pretrained(folder / name)
        tokens.save_pretrained(folder / name)


def trainer(way: str, section: PolicyParams, pairs: pl.DataFrame, folder: Path) -> Any:
    """The trainer of this package, or TRL's with the reference model in memory."""
    from transformers.trainer_callback import PrinterCallback, ProgressCallback
    from trl import DPOTrainer

    made: dict[str, Any] = {
        "model": checkpoints.causal(folder / "policy", precision="fp32"),
        "args": trl_config.policy(section, seed=0, out=folder / "work"),
        "processing_class": checkpoints.tokenizer(folder / "policy"),
    }
    if way == "stored":
        found = stored_reference.trainer()(**made, train_dataset=trainers._preference_dataset(with_reference(pairs)))
    else:
        made["args"].precompute_ref_log_probs = False
        made["ref_model"] = checkpoints.causal(folder / "reference", precision="fp32")
        found = DPOTrainer(**made, train_dataset=trainers._preference_dataset(pairs))
    for printed in (PrinterCallback, ProgressCallback):
        found.remove_callback(printed)
    return found


def with_reference(pairs: pl.DataFrame) -> pl.DataFrame:
    # any will do: a step takes as long
    return pairs.with_columns(ref_chosen_logps=pl.lit(-900.0), ref_rejected_logps=pl.lit(-900.0))


def times(section: PolicyParams, pairs: pl.DataFrame, folder: Path, *, turns: int) -> dict[str, list[Turn]]:
    """Of each way's turns; printed as they end."""
    from transformers import TrainerCallback

    ends: list[tuple[float, float]] = []

    class Clock(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, *event: Any, **more: Any) -> None:
            ends.append((time.perf_counter(), time.process_time()))

    both = {way: trainer(way, section, pairs, folder) for way in WAYS}
    found: dict[str, list[Turn]] = {way: [] for way in WAYS}
    for one in both.values():
        one.add_callback(Clock)
    for _ in range(turns):
        for way, one in both.items():
            ends.clear()
            one.train()
            turn = Turn(*((last - first) / (len(ends) - 1) for first, last in zip(ends[0], ends[-1], strict=True)))
            print(f"{way:12}{turn.wall:8.2f} s a step, {turn.cpu:6.2f} s of CPU", flush=True)
            found[way].append(turn)
    return found


class Turn(NamedTuple):
    """Mean seconds per step, the first one left out."""

    wall: float
    cpu: float


def peak(way: str, section: PolicyParams, pairs: pl.DataFrame, folder: Path) -> dict[str, float]:
    """Parameters held, in millions, and MiB of this process: its peak, and before the models were loaded."""
    import torch  # noqa: F401  what is loaded anyway is not the models' memory
    import trl.trainer.dpo_trainer  # noqa: F401

    before = highest()
    one = trainer(way, section, pairs, folder)
    one.train()
    held = [model for model in (one.model, one.ref_model) if model is not None]
    return {
        "parameters": sum(weight.numel() for model in held for weight in model.parameters()) / 1e6,
        "before": before,
        "peak": highest(),
    }


def highest() -> float:
    """MiB that this process ever held; getrusage would count the process that started it."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def peak_of(way: str, folder: Path) -> dict[str, float]:
    command = [sys.executable, __file__, *sys.argv[1:], "--peak-of", way, "--folder", str(folder)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def show(seconds: dict[str, list[Turn]], peaks: dict[str, dict[str, float]]) -> None:
    """Prints one line per measure: the median of the turns, or the peak."""
    stored, memory = (
        {
            "steps/s": 1 / statistics.median(turn.wall for turn in seconds[way]),
            "steps per second of CPU": 1 / statistics.median(turn.cpu for turn in seconds[way]),
            "parameters held, millions": peaks[way]["parameters"],
            "peak memory, MiB": peaks[way]["peak"],
            "  above the libraries'": peaks[way]["peak"] - peaks[way]["before"],
        }
        for way in WAYS
    )
    print(f"\n{'':32}{'stored':>12}{'in memory':>12}{'ratio':>8}")
    for measure in stored:
        print(f"{measure:32}{stored[measure]:12.3f}{memory[measure]:12.3f}{stored[measure] / memory[measure]:8.2f}")


if __name__ == "__main__":
    main()
