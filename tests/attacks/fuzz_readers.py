"""Run as a process of its own by test_files.py: mutated files through one reader, and how each ended, in JSON."""

from __future__ import annotations

import gzip
import json
import random
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import polars as pl
from pyarrow import Table, parquet

from rlhf_data import params
from rlhf_data.errors import RlhfDataError
from rlhf_data.params import merging, yaml_text
from rlhf_data.schemas import Rewards
from rlhf_data.sources import readers
from rlhf_data.storage import tables

MEMORY, SLOW, LONG = 3 * 2**30, 20, 1500
TURNS = [{"role": "user", "content": "Name a fish."}, {"role": "assistant", "content": "A carp, ünder \U0001f41f."}]
RECORDS = [{"id": row, "score": row / 7, "chosen": TURNS, "tags": ["a", None], "text": "x" * row} for row in range(20)]
ROOT = Path(__file__).parents[2]
HURTFUL = [
    *(b"[" * 3000, b'{"a":' * 3000, b"- " * 3000, b"\n" * 500, b"9" * 6000, b"1e999", b"NaN", b"]", b"{", b'"', b"\r"),
    *(b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"\\ud800", b"*a", b"&a", b"PAR1", b"\x1f\x8b"),
    b"!!python/object:os.system ",
]


def lines() -> bytes:
    return "".join(f"{json.dumps(record)}\n" for record in RECORDS).encode()


def rows() -> bytes:
    flat = pl.DataFrame([{name: record[name] for name in ("id", "score", "text")} for record in RECORDS])
    return flat.write_csv().encode()


def in_parquet(folder: Path) -> bytes:
    path = folder / "seed"
    parquet.write_table(Table.from_pylist(RECORDS), path, compression="zstd", row_group_size=7)
    return path.read_bytes()


def rewards(folder: Path, *, sealed: bool) -> bytes:
    found = [(str(row), 0, 1, "reward", "x", row / 3, "j") for row in range(50)]
    table = pl.DataFrame(found, schema=Rewards.create_empty().schema, orient="row")
    path = folder / "seed"
    tables.to_parquet(table, path) if sealed else table.write_parquet(path)
    return path.read_bytes()


def read(path: Path) -> None:
    for _ in readers.records(path):
        pass


def profile(path: Path) -> None:
    params.checked(merging.over(yaml_text.loaded(path.read_bytes(), path.name), "fuzzed", ROOT), path.name)


def kinds(folder: Path) -> dict[str, tuple[str, bytes, Callable[[Path], object]]]:
    """By reader: the name of its files, a good one, and what reads it."""
    return {
        "jsonl": ("a.jsonl", lines(), read),
        "json": ("a.json", json.dumps(RECORDS).encode(), read),
        "gz": ("a.jsonl.gz", gzip.compress(lines()), read),
        "csv": ("a.csv", rows(), read),
        "parquet": ("a.parquet", in_parquet(folder), read),
        "yaml": ("tiny.yaml", (ROOT / "params/tiny.yaml").read_bytes(), profile),
        "table": ("a.parquet", rewards(folder, sealed=False), lambda path: tables.read(path, Rewards)),
        "sealed table": ("a.parquet", rewards(folder, sealed=True), lambda path: tables.read(path, Rewards)),
    }


def mutated(content: bytes, chance: random.Random) -> bytes:
    """One to four of: a bit or byte changed, a piece cut out, doubled, moved, or something hurtful put in."""
    found = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        at, end = sorted(chance.randrange(len(found) + 1) for _ in range(2))
        match chance.randrange(6):
            case 0 if at < len(found):
                found[at] ^= 1 << chance.randrange(8)
            case 1 if at < len(found):
                found[at] = chance.randrange(256)
            case 2:
                del found[at : min(end, at + chance.choice([1, 8, 10_000]))]
            case 3:
                found[at:at] = found[at:end]
            case 4:
                found[at:at] = chance.choice(HURTFUL)
            case _:
                del found[at:]
    return bytes(found)


def main(kind: str, number: int, folder: Path) -> None:
    """Prints how many files were read, and how many refused; whatever else a reader does ends this process."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    name, content, reader = kinds(folder)[kind]
    chance, ended, longest = random.Random(kind), Counter[str](), 0.0
    for _ in range(number):
        (folder / name).write_bytes(mutated(content, chance))
        start = time.monotonic()
        try:
            reader(folder / name)
            ended["read"] += 1
        except RlhfDataError as error:
            ended["refused"] += 1
            said = str(error).splitlines()
            assert all(len(line) < LONG for line in said), said
        longest = max(longest, time.monotonic() - start)
    assert longest < SLOW
    print(json.dumps(ended))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
