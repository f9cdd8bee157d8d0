"""The page of `rlhf-data explore` on many responses: how long the first view and a change of filter take in Chromium.

    python benchmarks/explore.py                 160,000 responses, 8 to a prompt, lengths lognormal around 1,000
    python benchmarks/explore.py --rows 1600000

The server is started before the first view is asked for; each first view is of a new browser profile, with nothing
cached. A filter's time is from the event to the new rows in the page.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl
from playwright.sync_api import Page, sync_playwright
from processes import ROOT
from tables import write

from rlhf_data import hashing
from rlhf_data.loop import pairs
from rlhf_data.schemas import Generations, Pairs, Prompts, Rewards
from rlhf_data.storage import tables

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
VIEWS = 5
SAMPLES = 8
TYPICAL_CHARS = 1000  # the median of a lognormal, with which a tenth is above 2,600 and the longest about 20,000
SPREAD = 0.75
TARGETS = {"first view": 3.0, "filter": 0.5}  # seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=160_000, help="responses")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name in ("params", "params.yaml", "dvc.yaml"):
            (Path(folder) / name).symlink_to(ROOT / name)
        os.chdir(folder)
        write(invented(given.rows), prompts=500)
        pair()
        command = [sys.executable, "-c", "from rlhf_data.commands import main; main()", "explore"]
        started = time.perf_counter()
        with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=-1, text=True) as server:
            assert server.stdout is not None
            address = next(line for line in server.stdout if "http://" in line).strip()
            ready, load = time.perf_counter() - started, os.getloadavg()[0]
            print(f"{given.rows:,} responses; the server is ready after {ready:.2f} s; load average {load:.1f}")
            try:
                timed(address)
            finally:
                server.terminate()


def invented(rows: int) -> Iterator[pl.DataFrame]:
    """Stretches of one long text, as long as responses are."""
    drawn = np.random.default_rng(0)
    words = ["".join(drawn.choice(list("etaoinshrdlu"), size)) for size in drawn.integers(2, 9, 5000)]
    text = " ".join(drawn.choice(words, 400_000))
    chars = drawn.lognormal(np.log(TYPICAL_CHARS), SPREAD, rows).astype(int).clip(1)
    starts = drawn.integers(0, len(text) - chars.max(), rows)
    prompts = [hashing.content_id(str(n)) for n in range(rows // SAMPLES)]
    yield pl.DataFrame(
        {
            "prompt_id": [prompt for prompt in prompts for _ in range(SAMPLES)],
            "question": [text[n : n + 300] for n in range(len(prompts)) for _ in range(SAMPLES)],
            "sample": pl.Series(list(range(SAMPLES)) * len(prompts), dtype=pl.UInt8),
            "response": [text[start : start + size] for start, size in zip(starts, chars, strict=True)],
        }
    )


def pair() -> None:
    """The best and the worst response to each prompt."""
    said = tables.read(Path("data/generations/iter1"), Generations)
    scored = pairs.with_rewards(said, tables.read(Path("data/rewards/iter1.parquet"), Rewards))
    prompts = tables.read(Path("data/prompts/iter1.parquet"), Prompts)
    found = pairs.best_worst(scored, prompts, length_penalty=0.0, min_margin=0.0, drop_truncated=False).pairs
    tables.write(found, Path("data/pairs/iter1.parquet"), Pairs)


def timed(address: str) -> None:
    """Prints each measure's median and worst time."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        seconds = []
        for _ in range(VIEWS):
            page = browser.new_context().new_page()
            started = time.perf_counter()
            page.goto(address)
            page.locator("#ranked").wait_for()
            page.locator("#chart .bin").first.wait_for()
            seconds.append(time.perf_counter() - started)
        report("first view", seconds)
        report("filter", [changed(page, change) for change in changes(page)])
        report("another prompt", [chosen(page, number) for number in range(1, VIEWS + 1)])
        browser.close()


def changes(page: Page) -> Iterator[Callable[[], object]]:
    """Filters, one after the other, each of which changes how many prompts match."""
    fields = [("chars_high", "900"), ("reward_low", "5"), ("words", "ta"), ("margin_low", "4"), ("chars_low", "300")]
    for name, value in fields:
        page.locator(f"#{name}").fill(value)
        yield lambda name=name: page.locator(f"#{name}").press("Enter")  # type: ignore[misc]
    yield lambda: page.locator("#clear").click()


def changed(page: Page, change: Callable[[], object]) -> float:
    before = page.locator("#total").inner_text()
    started = time.perf_counter()
    change()
    page.wait_for_function("before => document.getElementById('total').innerText !== before", arg=before)
    return time.perf_counter() - started


def chosen(page: Page, number: int) -> float:
    started = time.perf_counter()
    page.locator("#list li a").nth(number).click()
    page.wait_for_function("n => document.querySelectorAll('#list li a')[n].ariaCurrent === 'true'", arg=number)
    return time.perf_counter() - started


def report(name: str, seconds: list[float]) -> None:
    target = f" (target {TARGETS[name]:.1f})" if name in TARGETS else ""
    print(
        f"{name:16} median {np.median(seconds):.2f} s, worst {max(seconds):.2f} s of {len(seconds)}{target}", flush=True
    )


if __name__ == "__main__":
    main()
