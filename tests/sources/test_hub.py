"""A folder laid out like a data set of the hub, read by the hub's own library: the same table as from its files."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rlhf_data.cleaning import ingest
from rlhf_data.errors import SourceError
from rlhf_data.params.sources import FileSource, HelpSteerSource, RecordSource, UltraFeedbackSource
from rlhf_data.sources import formats, hub, raw, readers

EXAMPLES = Path(__file__).parent / "data"
# the library leaves files for the garbage collector to close
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")


def pairs(number: int) -> list[dict[str, Any]]:
    return [
        {"chosen": f"\n\nHuman: {n}?\n\nAssistant: Yes.", "rejected": f"\n\nHuman: {n}?\n\nAssistant: {'No' * (n % 5)}"}
        for n in range(number)
    ]


@pytest.fixture
def helpful(tmp_path: Path) -> Path:
    """Two subsets, as HH-RLHF has them."""
    folder = tmp_path / "hh-rlhf"
    for subset, records in (("helpful-base", pairs(30)), ("helpful-online", pairs(20)), ("harmless-base", pairs(9))):
        (folder / subset).mkdir(parents=True)
        text = "".join(json.dumps(record) + "\n" for record in records)
        (folder / subset / "train.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    return folder


def cleaned(source: RecordSource, format: str, root: Path) -> ingest.Cleaned:
    records = raw.records(source, root)
    parse = formats.parser(format, source.kind, vars(source))
    return ingest.clean(records, parse, source="zoo", kind=source.kind, max_chars=10_000)


def test_the_same_table_either_way(helpful: Path) -> None:
    files = ["helpful-base/train.jsonl.gz", "helpful-online/train.jsonl.gz"]
    far = FileSource(format="hh_rlhf", kind="preferences", hub=str(helpful), files=files, split="train")
    near = FileSource(format="hh_rlhf", kind="preferences", path="helpful-*/train.jsonl.gz")
    from_hub, from_files = cleaned(far, "hh_rlhf", helpful), cleaned(near, "hh_rlhf", helpful)
    assert from_hub.table.equals(from_files.table)
    assert from_hub.rejects.equals(from_files.rejects)
    assert (from_hub.raw, from_hub.kept) == (from_files.raw, from_files.kept) == (50, 24)


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_nested_records_are_the_same(tmp_path: Path, suffix: str) -> None:
    # of one type a column, as the hub's library asks for
    kept = [record for record in readers.records(EXAMPLES / "ultrafeedback.jsonl") if "N/A" not in str(record)]
    folder = tmp_path / "ultrafeedback"
    folder.mkdir()
    if suffix == "jsonl":
        (folder / "train.jsonl").write_text("".join(json.dumps(record) + "\n" for record in kept))
    else:
        pl.DataFrame(kept).write_parquet(folder / "train.parquet")
    far = UltraFeedbackSource(format="ultrafeedback", kind="preferences", hub=str(folder), split="train")
    near = UltraFeedbackSource(format="ultrafeedback", kind="preferences", path=f"train.{suffix}")
    from_hub, from_files = cleaned(far, "ultrafeedback", folder), cleaned(near, "ultrafeedback", folder)
    assert from_hub.table.equals(from_files.table)
    assert from_hub.table.height > 0
    assert from_hub.rejects.select("row", "rule").equals(from_files.rejects.select("row", "rule"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"split": "validation"}, "validation"),
        ({"files": ["absent/*.jsonl"]}, "DataFilesNotFoundError"),
        ({"hub": "nobody/no-such-set"}, "nobody/no-such-set: split train: cannot be read after 0 records"),
    ],
)
def test_what_is_not_there_is_named(helpful: Path, change: dict[str, Any], said: str) -> None:
    values: dict[str, Any] = {"format": "hh_rlhf", "kind": "preferences", "hub": str(helpful), "split": "train"}
    with pytest.raises(SourceError, match=said) as caught:
        list(hub.records(FileSource(**values | change)))
    assert "\n  correct the source's hub, config, files, split or revision" in str(caught.value)


def test_a_hub_that_does_not_answer_is_one_error() -> None:
    """In a process of its own: the library reads the hub's address when it is imported."""
    source = "FileSource(format='hh_rlhf', kind='preferences', hub='nobody/no-such-set', split='train')"
    code = (
        "from rlhf_data.errors import SourceError\nfrom rlhf_data.params.sources import FileSource\n"
        f"from rlhf_data.sources import hub\ntry:\n    list(hub.records({source}))\n"
        "except SourceError as error:\n    print(error)"
    )
    away = {**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "0"}
    done = subprocess.run([sys.executable, "-c", code], env=away, text=True, capture_output=True, check=True)
    assert done.stdout.startswith("nobody/no-such-set: split train: cannot be read after 0 records: ConnectError: ")
    assert done.stdout.endswith("or check the network\n")


def test_a_broken_file_is_told_after_the_good_records(helpful: Path) -> None:
    whole = (helpful / "helpful-base" / "train.jsonl.gz").read_bytes()
    (helpful / "helpful-base" / "train.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    source = HelpSteerSource(format="helpsteer", kind="preferences", hub=str(helpful), split="train")
    with pytest.raises(SourceError, match="cannot be read after"):
        list(hub.records(source))
