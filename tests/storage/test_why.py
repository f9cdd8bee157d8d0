"""A lock file given literally, and what is there now → why a stage runs."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from rlhf_data.storage import why


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


GENERATED = "path: data/generations/iter1\n      hash: md5\n      md5: "
FOLDER = md5(json.dumps([{"md5": md5(name), "relpath": f"{name}.py"} for name in ("a", "b")])) + ".dir"
LOCK = f"""\
schema: '2.0'
stages:
  generate@iter1:
    cmd: python -m stages.generate --out data/generations/iter1
    outs:
    - path: data/generations/iter1
      hash: md5
      md5: 11aa.dir
      size: 9
      nfiles: 1
    - path: reports/generate.json
      hash: md5
      md5: 33cc
      size: 9
  pair@iter1:
    cmd: python -m stages.pair --generations 
      data/generations/iter1 --out data/pairs/iter1.parquet
    deps:
    - path: data/generations/iter1
      hash: md5
      md5: 11aa.dir
      size: 9
      nfiles: 1
    - path: rlhf_data/models
      hash: md5
      md5: {FOLDER}
      size: 2
      nfiles: 2
    - path: stages/pair.py
      hash: md5
      md5: {md5("pair")}
      size: 4
    params:
      reports/profile.yaml:
        pair:
          length_penalty: 0.01
          min_margin: 0.0
        train_policy.max_length: 256
    outs:
    - path: data/pairs/iter1.parquet
      hash: md5
      md5: 22bb
      size: 9
"""
PROFILE = "pair: {length_penalty: 0.01, min_margin: 0.0}\ntrain_policy: {max_length: 256, beta: 0.1}\n"
ARGUMENTS = ["--generations", "data/generations/iter1", "--out", "data/pairs/iter1.parquet"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for path, text in {"dvc.lock": LOCK, "reports/profile.yaml": PROFILE, "stages/pair.py": "pair",
                       "rlhf_data/models/a.py": "a", "rlhf_data/models/b.py": "b",
                       "rlhf_data/models/__pycache__/a.pyc": "no code"}.items():  # fmt: skip
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def change(project: Path, path: str, old: str, new: str) -> None:
    text = (project / path).read_text()
    assert old in text
    (project / path).write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("path", "old", "new", "said"),
    [
        ("reports/profile.yaml", "0.01", "0.02", "pair.length_penalty 0.01 → 0.02"),
        ("reports/profile.yaml", "256", "512", "train_policy.max_length 256 → 512"),
        ("reports/profile.yaml", "min_margin: 0.0", "drop: 1", "pair.drop none → 1; pair.min_margin 0.0 → none"),
        ("rlhf_data/models/b.py", "b", "c", "rlhf_data/models changed"),
        ("stages/pair.py", "pair", "pairs", "stages/pair.py changed"),
        ("dvc.lock", f"outs:\n    - {GENERATED}11aa", f"outs:\n    - {GENERATED}44", "data/generations/iter1 changed"),
        ("dvc.lock", "--generations \n      data/generations/iter1", "--generations here", "its command changed"),
        ("dvc.lock", "  pair@iter1:", "  pairs@iter1:", "has not run yet"),
        ("dvc.lock", "size: 4", "size: 5", "its outputs are absent or changed, or the run is forced"),
        ("reports/profile.yaml", "beta: 0.1", "beta: 0.2", "its outputs are absent or changed, or the run is forced"),
        ("dvc.lock", "length_penalty: 0.01", "length_penalty: [", "runs (dvc.lock does not tell why: ParamsError)"),
    ],
)  # fmt: skip
def test_a_line_says_why(project: Path, path: str, old: str, new: str, said: str) -> None:
    change(project, path, old, new)
    assert why.line("pair@iter1", ARGUMENTS, project) == f"pair@iter1: {said}"


def test_many_reasons_are_counted(project: Path) -> None:
    (project / "reports/profile.yaml").write_text("{pair: {a: 1, b: 2, c: 3, d: 4, e: 5}}")
    assert why.line("pair@iter1", ARGUMENTS, project).endswith("pair.length_penalty 0.01 → none; 2 more")


def test_without_a_lock_file(tmp_path: Path) -> None:
    assert why.line("pair@iter1", [], tmp_path) == "pair@iter1: runs (dvc.lock does not tell why: FileNotFoundError)"
