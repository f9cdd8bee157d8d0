"""What a stage's start costs: the libraries that train, or a tokenizer's alone; by itself, and as a fork.

    python benchmarks/starts.py [--turns 5]

Each turn is a process of its own, one of each way after the other; medians, and the ratio to the first way. The fork is
that of a stage which DVC starts; the processor's seconds are its own and those of the process that waits for it. What
starting the server costs, once a `dvc repro`, stands apart.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
TRAINS = "from transformers import AutoModelForCausalLM; from trl import DPOTrainer"
WAYS = {
    "a trainer's libraries": TRAINS,
    "AutoTokenizer": "from transformers import AutoTokenizer",
    "the plain tokenizer's class": "from transformers import PreTrainedTokenizerFast",
}
# A stage, as far as it has to be there to compute; what its own process took, where nobody else can read it
STAGE = f"""
import json, os
from rlhf_data import cli, params
from rlhf_data.storage import journal, tables
from rlhf_data.training import trainers
{TRAINS}
print(json.dumps(sum(os.times()[:2])))
"""
Taken = tuple[float, float]


def seconds(*command: str, cwd: Path = Path(), **environment: str) -> tuple[Taken, str]:
    """Of the clock, and of the processor; and what the process said."""
    began, before = time.perf_counter(), os.times()
    done = subprocess.run(
        [sys.executable, *command], check=True, cwd=cwd, env={**os.environ, **environment}, text=True,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return (time.perf_counter() - began, used), done.stdout


def stage(project: Path, *, preload: bool) -> Taken:
    """A stage of the project, as DVC starts it."""
    (clock, used), said = seconds("-m", "stages.score", cwd=project, DVC_STAGE="score", PYTHONPATH=str(ROOT),
                                  RLHF_DATA_PRELOAD=str(int(preload)))  # fmt: skip
    return clock, used + json.loads(said) * preload


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=5)
    turns = parser.parse_args().turns
    found: dict[str, list[Taken]] = {}
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        (project / ".dvc/tmp").mkdir(parents=True)
        (project / "stages").mkdir()
        (project / "stages/__init__.py").write_bytes((ROOT / "stages/__init__.py").read_bytes())
        (project / "stages/score.py").write_text(STAGE)
        first, _ = stage(project, preload=True)
        for turn in range(turns + 1):
            taken = {way: seconds("-c", code)[0] for way, code in WAYS.items()}
            taken["a stage by itself"] = stage(project, preload=False)
            taken["a stage as a fork"] = stage(project, preload=True)
            for way, one in taken.items():
                if turn:  # before, the disk had to be read
                    found.setdefault(way, []).append(one)
    print("| way | seconds | of the processor | × the first |\n|---|---|---|---|")
    base = statistics.median(used for _, used in found[next(iter(WAYS))])
    for way, times in found.items():
        clock, used = (statistics.median(column) for column in zip(*times, strict=True))
        print(f"| {way} | {clock:.1f} | {used:.1f} | {used / base:.2f} |")
    print(f"\nThe first fork of all, whose server imports the libraries: {first:.1f} seconds.")


if __name__ == "__main__":
    main()
