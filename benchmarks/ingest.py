"""UltraFeedback and CodeUltraFeedback at their full size: seconds and peak memory of the ingest stage.

    python -m benchmarks.ingest --records 63967 --code-records 10000

The records are invented, in the sets' formats and of about their sizes: texts are cut at random from invented prose,
ratings are drawn. The stage itself runs in a process of its own: it reads, cleans and writes.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
from ruamel.yaml import YAML

from stages import ingest

ROOT = Path(__file__).parents[1]
MODELS = [f"model-{letter}" for letter in "abcdefghijklmn"]
RESPONSES = 4
Text = Callable[[int], str]


def prose(draw: random.Random) -> Text:
    """A function that gives a text of about so many characters."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(draw.choices(letters, k=draw.randint(2, 9))) for _ in range(20_000)]
    corpus = " ".join(draw.choices(words, k=1_000_000))

    def text(mean_chars: int) -> str:
        chars = min(20_000, max(10, int(draw.lognormvariate(0, 0.7) * 0.78 * mean_chars)))
        start = draw.randrange(len(corpus) - chars)
        return corpus[start : start + chars]

    return text


def ultrafeedback(records: int) -> Iterator[dict[str, Any]]:
    draw = random.Random(0)
    text = prose(draw)
    for number in range(records):
        models = draw.sample(MODELS, RESPONSES)
        completions = [_completion(model, draw, text) for model in models]
        yield {"source": "sharegpt", "instruction": f"{number} {text(640)}", "models": models} | {
            "completions": completions,
            "correct_answers": ["None"],
            "incorrect_answers": ["None"],
        }


def _completion(model: str, draw: random.Random, text: Text) -> dict[str, Any]:
    ratings = [draw.randint(1, 5) for _ in range(4)]
    plain = {"instruction_following", "honesty"}
    aspects = {
        name: {"Rating": str(rating), "Rationale": text(150)}
        | ({} if name in plain else {"Type": ["1"], "Rationale For Rating": text(120)})
        for name, rating in zip(
            ("instruction_following", "honesty", "truthfulness", "helpfulness"), ratings, strict=True
        )
    }
    return {
        "model": model,
        "principle": "helpfulness",
        "custom_system_prompt": text(150),
        "response": text(980),
        "critique": text(700),
        "overall_score": float(draw.randint(1, 10)),
        "fine-grained_score": sum(ratings) / 4,
        "annotations": aspects,
    }


def code_ultrafeedback(records: int) -> Iterator[dict[str, Any]]:
    draw = random.Random(1)
    text = prose(draw)
    for number in range(records):
        models = draw.sample(MODELS, RESPONSES)
        rated = [
            {"model": model, "rating": draw.choice(["1", "2", "3", "4", "5", "N/A"]), "rationale": text(400)}
            for model in models
        ]
        yield {"instruction": f"{number} {text(690)}", "preference": "style", "models": models} | {
            "responses": [{"model": model, "response": text(1650)} for model in models],
            "annotations": rated,
        }


def write(records: Iterator[dict[str, Any]], path: Path) -> None:
    with path.open("w") as file:
        for record in records:
            file.write(json.dumps(record) + "\n")


def measured(folder: Path, name: str, source: dict[str, Any]) -> dict[str, Any]:
    """The ingest stage over this source, with the least of the other kinds that a profile needs."""
    (folder / "params").mkdir(exist_ok=True)
    (folder / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    yaml = YAML()
    profile = yaml.load(ROOT / "params" / "tiny.yaml")
    world = {"format": "world", "rows": 10}
    others = {kind: world | {"kind": kind} for kind in ("instructions", "prompts")}
    profile["ingest"] = {"root": str(folder), "max_chars": 100_000, "sources": {name: source} | others}
    yaml.dump(profile, folder / "params" / "tiny.yaml")
    outputs = {one: folder / one for one in ("preferences", "instructions", "pool", "dropped", "counts")}
    flags = [word for one, path in outputs.items() for word in (f"--{one}", str(path))]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", ingest.__name__, *flags], cwd=folder, check=True)
    seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    counts = pl.read_parquet(outputs["counts"]).filter(pl.col("source") == name).to_dicts()[0]
    dropped = pl.read_parquet(outputs["dropped"]).filter(pl.col("source") == name)
    table = outputs["preferences"] / f"{name}.parquet"
    return {
        "source": name,
        "file_mib": round((folder / str(source["path"])).stat().st_size / 2**20),
        "seconds": round(seconds, 1),
        "cpu_seconds": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1),
        # of the hungriest process so far: the smaller source goes first
        "peak_gib": round(after.ru_maxrss / 2**20, 2),
        "table_mib": round(pl.read_parquet(table).estimated_size("mb")),
        "raw": counts["raw"],
        "kept": counts["kept"],
        "pairs": counts["rows"],
        "dropped": dict(dropped["rule"].value_counts().iter_rows()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=63_967)
    parser.add_argument("--code-records", type=int, default=10_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(code_ultrafeedback(arguments.code_records), folder / "code.jsonl")
        write(ultrafeedback(arguments.records), folder / "ultrafeedback.jsonl")
        for one, path in (("code_ultrafeedback", "code.jsonl"), ("ultrafeedback", "ultrafeedback.jsonl")):
            print(json.dumps(measured(folder, one, {"format": one, "kind": "preferences", "path": path})))


if __name__ == "__main__":
    main()
