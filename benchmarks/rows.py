"""What rows that are there already save, and what many rows cost in memory.

    python benchmarks/rows.py               `generate` and `score`: all rows, then with 5 % more prompts
    python benchmarks/rows.py --memory      `generate`: peak memory at 16,000 and at 160,000 rows

Real stages on a Llama of 1M parameters with random weights, in a real DVC project, one process each. Start-up (Python's
imports, opening the model) is not counted in the first.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from processes import ROOT, measure

PREPARE = """
import sys
from pathlib import Path
import polars as pl
from ruamel.yaml import YAML
from rlhf_data import hashing
from rlhf_data.models import checkpoints, tokenizers
from rlhf_data.params.training import LlamaSize
from rlhf_data.schemas import Prompts
from rlhf_data.storage import tables
from rlhf_data.world import records

def prompts(number):
    rows = records.records("prompts", number, seed=0)
    tables.write(
        pl.DataFrame({
            "prompt_id": [hashing.content_id(str(row)) for row in range(number)],
            "source": ["world"] * number,
            "row": list(range(number)),
            "prompt": [row["prompt"] for row in rows],
            "prompt_tokens": [1] * number,
            "reference": [None] * number,
        }, schema=Prompts.create_empty().schema),
        Path("data/prompts/iter1.parquet"), Prompts,
    )

def make_models():
    size = LlamaSize(hidden_size=128, intermediate_size=384, layers=4, heads=4, context=256)
    folder = Path("data/models/iter0")
    tokenizers.train([row["prompt"][0]["content"] for row in records.records("prompts", 2000, seed=0)],
                       folder, vocab_size=600)
    tokens = checkpoints.tokenizer(folder)
    checkpoints.new_llama(size, tokens, seed=0).save_pretrained(folder)
    reward = Path("data/models/reward")
    checkpoints.reward(folder, precision="fp32").save_pretrained(reward)
    tokens.save_pretrained(reward)

number, max_tokens = map(int, sys.argv[1:])
yaml = YAML()
profile = yaml.load(Path("params/tiny.yaml"))
profile["generate"]["max_tokens"] = max_tokens
yaml.dump(profile, Path("params/tiny.yaml"))
prompts(number)
if not Path("data/models/iter0").exists():
    make_models()
"""
STAGE = """
import sys, time
from pathlib import Path
from rlhf_data.judges import reward_model
from stages import generate, score

opening = 0.0

def timed(open_engine):
    def opened(*arguments, **settings):
        global opening
        started = time.perf_counter()
        engine = open_engine(*arguments, **settings)
        opening += time.perf_counter() - started
        return engine
    return opened

def main():
    generate.open_generator = timed(generate.open_generator)
    reward_model.open_scorer = timed(reward_model.open_scorer)
    import dvc.repo
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer
    started = time.perf_counter()
    prompts, generations = Path("data/prompts/iter1.parquet"), Path("data/generations/iter1")
    if sys.argv[1] == "generate":
        generate.main(prompts, Path("data/models/iter0"), "iter1", generations)
    else:
        scores = Path("data/scores/iter1/reward.parquet")
        score.main(prompts, generations, "reward", Path("data/models/reward"), scores)
    print(time.perf_counter() - started - opening)

if __name__ == "__main__":
    main()
"""
PIPELINE = """
stages:
  both:
    cmd: python -c pass
    outs:
      - data/generations/iter1
      - data/scores/iter1/reward.parquet
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=512, help="of 8 responses each (default: %(default)s)")
    parser.add_argument("--memory", action="store_true", help="peak memory instead of seconds")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(ROOT / "params", folder / "params")
        shutil.copy(ROOT / "params.yaml", folder)
        memory(folder) if options.memory else more_prompts(folder, options.prompts)


def more_prompts(folder: Path, prompts: int) -> None:
    dvc = [sys.executable, "-m", "dvc", "-q"]
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    subprocess.run([*dvc, "init"], cwd=folder, check=True)
    (folder / "dvc.yaml").write_text(PIPELINE)
    (folder / "stage.py").write_text(STAGE)
    seconds = {}
    for number in (prompts, prompts + prompts // 20):
        measure(["-c", PREPARE, str(number), "80"], folder=folder)
        for stage in ("generate", "score"):
            *said, took = measure(["stage.py", stage], folder=folder).said.splitlines()
            seconds[stage, number] = float(took)
            rows = next(line for line in said if "rows wanted" in line).partition(": ")[2]
            of_all = seconds[stage, number] / seconds[stage, prompts]
            print(f"{stage:9} {seconds[stage, number]:7.2f} s  {of_all:5.0%}  {rows}", flush=True)
        subprocess.run([*dvc, "commit", "-f"], cwd=folder, check=True)
        shutil.rmtree(folder / "data/generations")  # as DVC does before it runs a stage again
        shutil.rmtree(folder / "data/scores")


def memory(folder: Path) -> None:
    command = ["-m", "stages.generate", "--prompts", "data/prompts/iter1.parquet", "--policy", "data/models/iter0"]
    for prompts in (2_000, 20_000):
        measure(["-c", PREPARE, str(prompts), "4"], folder=folder)
        found = measure([*command, "--iteration", "iter1", "--out", "data/generations/iter1"], folder=folder)
        print(f"generate, {8 * prompts} rows: {found.peak_gib:.2f} GiB at most, {found.seconds:.0f} s", flush=True)
        shutil.rmtree(folder / "data/generations")


if __name__ == "__main__":
    main()
