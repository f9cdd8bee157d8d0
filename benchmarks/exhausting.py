"""Twenty questions in SQL that exhaust, asked of `rlhf-data explore`: does the page answer meanwhile, in which memory?

    python benchmarks/exhausting.py              in a project of 48 prompts, made for it

Two are asked at once, as many as the page answers. Memory is the server's with its children, over that when idle.
"""

from __future__ import annotations

import http.client
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote, urlsplit

import psutil  # type: ignore[import-untyped]
from processes import ROOT

sys.path.insert(0, str(ROOT / "tests"))
import small_project

QUESTIONS = (
    "select len(range(3000000000))",
    "select printf('%2000000000d', 1)",
    "select list_transform(range(10000000), lambda x: x::varchar || repeat('y', 100))",
    "select flatten(list_transform(range(5000), lambda x: range(100000)))",
    "select levenshtein(repeat('ab', 100000), repeat('ba', 100000))",
    "select damerau_levenshtein(repeat('ab', 20000), repeat('ba', 20000))",
    "select repeat('x', 4000000000)",
    "select count(*) from range(100000000) a, range(1000000) b where a.range % 7 = b.range % 11",
    "with recursive t as (select 1 as a union all select a + 1 from t) select count(*) from t",
    "select string_agg(repeat('x', 1000), '') from range(10000000)",
    "select list(range) from range(500000000)",
    "select sum(sin(range)) from range(100000000000)",
    "select * from range(1000000000) order by random()",
    "select md5(repeat('x', 1000000000))",
    "select regexp_replace(repeat('a', 50000000), '(a*)*b', 'c')",
    "select jaro_winkler_similarity(repeat('ab', 1000000), repeat('ba', 1000000))",
    "select count(distinct range) from range(2000000000)",
    "select histogram(range) from range(300000000)",
    "select map_from_entries(list_transform(range(5000000), lambda x: {'k': x, 'v': repeat('z', 100)}))",
    "select lpad('x', 2000000000, 'y')",
)
TARGETS = {"slowest answer of / (s)": 1.0, "memory over idle (MiB)": 1024, "longest question (s)": 25}


def asked(address: str, path: str) -> tuple[float, int]:
    """Seconds until the answer, and its status."""
    to, start = urlsplit(address), time.monotonic()
    connection = http.client.HTTPConnection(to.hostname or "", to.port, timeout=120)
    connection.request("GET", to.path + path)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return time.monotonic() - start, answer.status


def memory(process: psutil.Process) -> float:
    """Of a process and its children, in MiB; pages that they share count once."""
    found = 0
    for one in [process, *process.children(recursive=True)]:
        try:
            found += one.memory_full_info().pss
        except psutil.Error:
            continue
    return found / 2**20


def measured(address: str, server: psutil.Process) -> dict[str, float]:
    """The figures of `TARGETS`."""
    asked(address, "")
    asked(address, f"sql?query={quote('select 1')}")
    idle, waits, most, done = memory(server), [0.0], [0.0], threading.Event()

    def watch() -> None:
        while not done.is_set():
            waits.append(asked(address, "")[0])
            most.append(memory(server))
            time.sleep(0.1)

    watching = threading.Thread(target=watch)
    watching.start()
    with ThreadPoolExecutor(2) as pool:
        ended = list(pool.map(lambda query: asked(address, f"sql?query={quote(query)}"), QUESTIONS))
    done.set()
    watching.join()
    for query, (seconds, status) in zip(QUESTIONS, ended, strict=True):
        print(f"{seconds:6.1f} s  {status}  {query}")
    return dict(zip(TARGETS, (max(waits), max(most) - idle, max(seconds for seconds, _ in ended)), strict=True))


def main() -> None:
    """Prints each figure beside its target."""
    with tempfile.TemporaryDirectory() as folder:
        project = small_project.make(Path(folder) / "project", remote=Path(folder) / "store")
        code = "from rlhf_data.commands import main; main()"
        command = [sys.executable, "-c", code, "explore", "--project", str(project)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            address = next(line.strip() for line in process.stdout if "http://" in line)
            for name, figure in measured(address, psutil.Process(process.pid)).items():
                print(f"{name}: {figure:.2f} (target {TARGETS[name]})")
            process.terminate()


if __name__ == "__main__":
    main()
