"""Files from strangers: each is read, or is one clear error, within bounds of memory and time."""

from __future__ import annotations

import gzip
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fuzz_readers
import pytest
from pyarrow import DictionaryArray, Table, array, int32, int64, list_, parquet

from rlhf_data.errors import ParamsError, SourceError
from rlhf_data.params import yaml_text
from rlhf_data.sources import readers

FILES = int(os.environ.get("RLHF_DATA_FUZZ", "120"))  # of each reader; 1000 is the whole
BILLION = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 10)
)


@pytest.mark.parametrize("kind", ["jsonl", "json", "gz", "csv", "parquet", "yaml", "table", "sealed table"])
def test_a_file_that_is_anything_is_read_or_refused(kind: str, tmp_path: Path, refused: Callable[..., None]) -> None:
    done = subprocess.run(
        [sys.executable, fuzz_readers.__file__, kind, str(FILES), str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert sum(json.loads(done.stdout.splitlines()[-1]).values()) == FILES
    refused(f"fuzzed files: {kind}", FILES)


def zipped(path: Path, *pieces: bytes, times: int) -> Path:
    """A small file of `times` MB between two pieces."""
    with gzip.open(path, "wb") as file:
        file.write(pieces[0])
        for _ in range(times):
            file.write(b"x" * 10**6)
        file.write(pieces[1])
    return path


def nested(depth: int) -> Table:
    kind: Any = int64()
    value: Any = 1
    for _ in range(depth):
        kind, value = list_(kind), [value]
    return Table.from_arrays([array([value], kind)], ["a"])


def bombs(folder: Path) -> Iterator[tuple[Path, str]]:
    """Files that stand for more than they hold, and what is said of each."""
    yield zipped(folder / "line.jsonl.gz", b'{"a": "', b'"}\n', times=400), "line 1 is longer than 16 MiB"
    yield zipped(folder / "item.json.gz", b'[{"a": "', b'"}]', times=400), "a record is longer than 16 Mi characters"
    yield zipped(folder / "field.csv.gz", b'a,b\n1,"', b'"\n', times=400), "line 2 is longer than 16 MiB"
    named = DictionaryArray.from_arrays(array([0] * 1000, int32()), array(["x" * 30_000_000]))
    parquet.write_table(Table.from_arrays([named], ["unread"]), folder / "text.parquet", compression="zstd")
    yield folder / "text.parquet", "a row of more than 16 MiB"
    parquet.write_table(Table.from_pylist([{"a": [0] * 40_000_000}]), folder / "list.parquet", compression="zstd")
    yield folder / "list.parquet", "40000000 values of a.list.element in 1 rows"
    for depth in (60, 400, 1000):
        parquet.write_table(nested(depth), folder / f"deep{depth}.parquet")
        yield folder / f"deep{depth}.parquet", "schema too deeply nested"


def test_a_small_file_that_stands_for_a_large_one_is_refused(tmp_path: Path, refused: Callable[..., None]) -> None:
    taken = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tried = 0
    for path, said in bombs(tmp_path):
        with pytest.raises(SourceError, match=said):
            list(readers.records(path))
        tried += 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - taken < 2 * 2**20  # KiB
    refused("files that stand for more than they hold", tried)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BILLION, "more than 20000 values, aliases written out"),
        ("a: &a [*a]", r"\*a is part of itself"),
        ("a: &a {b: *a}", r"\*a is part of itself"),
        ("a: *b", r"\*b is part of itself, or nowhere"),
        ("[" * 100_000, "nested deeper than 40 levels"),
        ("- " * 100_000, "nested deeper than 40 levels"),
        ("a: " * 300, "not YAML"),
        ("x" * 2_000_000, "2000000 bytes of YAML"),
        ("a: !!python/object/apply:os.system [ls]", "not YAML"),
        ("a: \0", "not YAML"),
        ("a: [1", "not YAML"),
        ("? " * 5000, "nested deeper than 40 levels"),
    ],
)
def test_yaml_that_is_more_than_it_says(text: str, said: str, refused: Callable[..., None]) -> None:
    with pytest.raises(ParamsError, match=rf"\Aparams/x\.yaml: {said}"):
        yaml_text.loaded(text, "params/x.yaml")
    refused("YAML that is more than it says")


def test_yaml_with_aliases_is_read() -> None:
    assert yaml_text.loaded("a: &a [1, 2]\nb: *a\nc: {d: *a}", "x") == {"a": [1, 2], "b": [1, 2], "c": {"d": [1, 2]}}
