"""What a stage's start costs: importing the libraries that train, and those of a tokenizer alone, in two ways.

    python benchmarks/starts.py [--turns 5]

Each turn is a process of its own, one of each way after the other; medians, and the ratio to the first way.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time

WAYS = {
    "a trainer's libraries": "from transformers import AutoModelForCausalLM; from trl import DPOTrainer",
    "AutoTokenizer": "from transformers import AutoTokenizer",
    "the plain tokenizer's class": "from transformers import PreTrainedTokenizerFast",
}


def seconds(code: str) -> tuple[float, float]:
    """Of the clock, and of the processor."""
    began, before = time.perf_counter(), os.times()
    subprocess.run([sys.executable, "-c", code], check=True)
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return time.perf_counter() - began, used


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=5)
    turns = parser.parse_args().turns
    found: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    for code in WAYS.values():
        seconds(code)  # what the disk has to read the first time
    for _ in range(turns):
        for way, code in WAYS.items():
            found[way].append(seconds(code))
    print("| way | seconds | of the processor | × the first |\n|---|---|---|---|")
    first = None
    for way, times in found.items():
        clock, used = (statistics.median(column) for column in zip(*times, strict=True))
        first = first or used
        print(f"| {way} | {clock:.1f} | {used:.1f} | {used / first:.2f} |")


if __name__ == "__main__":
    main()
