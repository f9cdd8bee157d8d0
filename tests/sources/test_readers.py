"""Files in every format, whole and broken, and the records or the message that each gives."""

from __future__ import annotations

import gzip
import hashlib
import json
import tracemalloc
from pathlib import Path

import polars as pl
import pytest

from rlhf_data.errors import SourceError
from rlhf_data.params.sources import FileSource
from rlhf_data.sources import json_arrays, readers

TWO = [{"prompt": "Name a fish.", "n": 1}, {"prompt": "Día", "n": 2}]
LINES = '{"prompt": "Name a fish.", "n": 1}\n\n{"prompt": "Día", "n": 2}'
ARRAY = '[{"prompt": "Name a fish.", "n": 1},\n {"prompt": "Día", "n": 2}]\n'


def put(path: Path, content: bytes) -> Path:
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def message(path: Path) -> str:
    with pytest.raises(SourceError) as caught:
        list(readers.records(path))
    assert str(path) in str(caught.value)
    assert "\n  " in str(caught.value)  # the way out has a line of its own
    return str(caught.value)


@pytest.mark.parametrize("zipped", ["", ".gz"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize(("suffix", "text"), [(".jsonl", LINES), (".json", ARRAY)])
def test_json(tmp_path: Path, suffix: str, text: str, bom: str, zipped: str) -> None:
    path = put(tmp_path / f"pairs.v1{suffix}{zipped}", (bom + text).encode())
    assert list(readers.records(path)) == TWO


@pytest.mark.parametrize("zipped", ["", ".gz"])
def test_csv_keeps_quoted_newlines(tmp_path: Path, zipped: str) -> None:
    content = '\ufeffprompt,completion\r\n"Two\nlines, ""quoted""",A\r\n\r\nDía,"B\r\nC"\r\n'
    assert list(readers.records(put(tmp_path / f"a.csv{zipped}", content.encode()))) == [
        {"prompt": 'Two\nlines, "quoted"', "completion": "A"},
        {"prompt": "Día", "completion": "B\r\nC"},
    ]


def test_csv_field_longer_than_the_default_limit(tmp_path: Path) -> None:
    found = list(readers.records(put(tmp_path / "a.csv", b"text\n" + b"x" * 200_000)))
    assert found == [{"text": "x" * 200_000}]


def test_parquet(tmp_path: Path) -> None:
    rows = [{"prompt": [{"role": "user", "content": "Hi."}], "score": 1.5}, {"prompt": [], "score": None}]
    pl.DataFrame(rows).write_parquet(tmp_path / "a.parquet")
    assert list(readers.records(tmp_path / "a.parquet")) == rows


def test_json_lines_are_streamed(tmp_path: Path) -> None:
    found = readers.records(put(tmp_path / "a.jsonl", b'{"n": 1}\nbroken'))
    assert next(found) == {"n": 1}
    with pytest.raises(SourceError, match="line 2 is not JSON"):
        next(found)


ITEMS = [
    {"a": "x" * 50, "b": [1, {"c": '\\ " ] }'}]},
    12,
    -3.5e10,
    "é,]",
    None,
    True,
    [],
    {},
    "]",
    123456,
    [[1], "\u2028"],
]


@pytest.mark.parametrize("block", [1, 2, 3, 7, 64, 1 << 20])
def test_arrays_are_streamed_whatever_a_block_cuts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(json_arrays, "BLOCK", block)
    for number, text in enumerate([json.dumps(ITEMS), json.dumps(ITEMS, indent=2, ensure_ascii=False) + "\n\n"]):
        assert list(readers.records(put(tmp_path / f"{number}.json", text.encode()))) == ITEMS
    found = readers.records(put(tmp_path / "a.json", b'[{"n": 1}, {"n": 2}, {"n": ]'))
    assert [next(found), next(found)] == [{"n": 1}, {"n": 2}]
    with pytest.raises(SourceError, match="not a JSON array after 2 records"):
        next(found)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1 2]", "'2]' stands where , or ] must"),
        ("[1, 2] [3]", "text follows the array"),
        ("[1, 2", "not a JSON array after 1 records"),
        ("[1,]", "not a JSON array after 1 records"),
        ("[" + "9" * 5000 + "]", "not a JSON array after 0 records"),
        ("[1, tru]", "not a JSON array after 1 records"),
        ("[" + "[" * 100_000, "nested too deeply"),
    ],
)
def test_broken_arrays(tmp_path: Path, text: str, said: str) -> None:
    assert said in message(put(tmp_path / "a.json", text.encode()))


def test_a_fault_in_a_long_array_is_told_before_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_arrays, "BLOCK", 1000)
    content = '[{"n": 1}, {"n" 2}, ' + '{"n": 3}, ' * 1_000_000
    with pytest.raises(SourceError, match=r"not a JSON array after 1 records: Expecting ':' delimiter"):
        list(readers.records(put(tmp_path / "a.json", content.encode())))


def test_no_file_is_held_whole(tmp_path: Path) -> None:
    texts = ["x" * 1000] * 30_000
    pl.DataFrame({"text": texts}).write_parquet(tmp_path / "a.parquet", row_group_size=1000)
    put(tmp_path / "a.jsonl", "\n".join(json.dumps({"text": text}) for text in texts).encode())
    put(tmp_path / "a.json", json.dumps([{"text": text} for text in texts]).encode())
    for suffix in ("parquet", "jsonl", "json"):
        tracemalloc.start()
        assert sum(1 for _ in readers.records(tmp_path / f"a.{suffix}")) == 30_000
        assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
        tracemalloc.stop()


def pinned(root: Path, path: str, sha256: str | None = None) -> list[object]:
    return list(readers.pinned(root, FileSource(format="dibt", kind="prompts", path=path, sha256=sha256)))


def test_a_pattern_names_several_files_in_the_order_of_their_names(tmp_path: Path) -> None:
    for folder, name, number in (("b", "train", 2), ("a", "train", 1), ("c", "test", 3)):
        (tmp_path / folder).mkdir()
        put(tmp_path / folder / f"{name}.jsonl", f'{{"n": {number}}}'.encode())
    assert pinned(tmp_path, "*/train.jsonl") == [{"n": 1}, {"n": 2}]
    hashes = "".join(f"{readers.sha256(tmp_path / name / 'train.jsonl')}\n" for name in "ab")
    pin = hashlib.sha256(hashes.encode()).hexdigest()
    assert pinned(tmp_path, "*/train.jsonl", pin) == [{"n": 1}, {"n": 2}]
    with pytest.raises(SourceError, match=f"not the file that was pinned\n  its sha256 is {pin}"):
        pinned(tmp_path, "*/train.jsonl", "0" * 64)
    with pytest.raises(SourceError, match="no such file"):
        pinned(tmp_path, "*/train.csv")


def test_sha256_is_of_the_file_as_it_lies(tmp_path: Path) -> None:
    path = put(tmp_path / "a.jsonl.gz", b"{}")
    assert readers.sha256(path) == hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(SourceError, match="absent"):
        readers.sha256(tmp_path / "b.jsonl")


def test_absent_file_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"b\.jsonl: absent\n  fetch it"):
        readers.records(tmp_path / "b.jsonl")
    (tmp_path / "c.json").mkdir()
    with pytest.raises(SourceError, match=r"c\.json: not a file"):
        readers.records(tmp_path / "c.json")


@pytest.mark.parametrize("name", ["a.txt", "a", "a.gz", "a.parquet.gz", "a.jsonl.zip"])
def test_unknown_suffix(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceError, match="unknown suffix"):
        readers.records(put(tmp_path / name, b"{}"))


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.jsonl.gz", "a.json.gz", "a.csv.gz"])
def test_empty(tmp_path: Path, name: str) -> None:
    assert "empty, no records" in message(put(tmp_path / name, b""))


def test_no_records(tmp_path: Path) -> None:
    assert "empty, no records" in message(put(tmp_path / "a.json", b"[]"))
    assert "empty, no records" in message(put(tmp_path / "a.csv", b"prompt,completion\n"))
    pl.DataFrame({"prompt": []}).write_parquet(tmp_path / "a.parquet")
    assert "empty, no records" in message(tmp_path / "a.parquet")


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.json.gz", "a.csv.gz"])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_truncated_gzip(tmp_path: Path, name: str, share: float) -> None:
    join = (",\n" if ".json." in name else "\n").join
    text = join(f'{{"n": {n * n}}}' for n in range(50_000))
    whole = gzip.compress((f"[{text}]" if ".json." in name else text).encode())
    (tmp_path / name).write_bytes(whole[: int(len(whole) * share)])
    assert "broken gzip after " in message(tmp_path / name)


def test_gzip_that_is_none_or_damaged(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(b'{"n": 1}\n')
    assert "broken gzip after 0 records" in message(tmp_path / "a.jsonl.gz")
    whole = bytearray(gzip.compress(b'{"n": 1}\n' * 1000))
    whole[15:25] = b"\xff" * 10
    (tmp_path / "b.jsonl.gz").write_bytes(whole)
    assert "broken gzip after" in message(tmp_path / "b.jsonl.gz")


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.jsonl", b'{"n": 1}\n{"n": ', "line 2 is not JSON"),
        ("a.jsonl", b"[\n {}\n]", "a file that is one array is named .json"),
        ("a.jsonl", b'{"n": ' + b"9" * 5000 + b"}", "line 1 is not JSON"),
        ("a.jsonl", b'{"n": 1}\n' + b"[" * 100_000, "nested too deeply after 1 records"),
        ("a.json", b'[{"n": 1}, ', "not a JSON array"),
        ("a.json", b'{"n": 1}\n{"n": 2}', "a file with one record per line is named .jsonl"),
        ("a.json", b'{"data": []}', "'{\"data\": []}' stands where [ must"),
        ("a.jsonl", b'{"n": 1}\n{"n": "\xe9"}', "not UTF-8 after 1 records"),
        ("a.json", b'["\xe9"]', "not UTF-8"),
        ("a.csv", b"n\n\xe9\n", "not UTF-8"),
        ("a.csv", b"a,b\n1,2\n1,2,3\n", "line 3 has 3 fields, the header has 2"),
        ("a.csv", b'a,b\n1,"2\n', "is not CSV"),
        ("a.parquet", b"PAR1", "not Parquet"),
    ],
)
def test_broken_content(tmp_path: Path, name: str, content: bytes, expected: str) -> None:
    assert expected in message(put(tmp_path / name, content))


@pytest.mark.parametrize("text", ["[", " [ ", "[\n", '[{"a": 1},', '[{"a": 1} '])
def test_an_array_that_ends_at_once_is_cut_short(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(SourceError, match="not a JSON array after"):
        list(readers.records(tmp_path / "a.json"))
