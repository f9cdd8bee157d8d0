"""Words that would steer a terminal, in texts, names and errors: no command prints them as they are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import small_project
from hypothesis import given
from hypothesis import strategies as st

from rlhf_data.commands import terminal

ROOT = Path(__file__).parents[2]
HOSTILE = (
    *(
        "\x1b[2J",
        "\x1b]0;title\x07",
        "\x1b[31mred",
        "\x9b31m",
        "\x90dcs\x9c",
        "\x07",
        "\x08\x08",
        "\x7f",
        "\x0b",
        "\x0c",
    ),
    *(
        "\x0b",
        "\x0c",
        "over\rwritten",
        "\u202egpj.exe",
        "\u2066a\u2069",
        "\u200e",
        "\u200f",
        "\u061c",
        "\u202a",
        "\u2028",
        "\u2029",
    ),
    *("\ufeff", "\u00ad", "\U000e0041"),
)
STEERS = {one for text in HOSTILE for one in text if unicodedata.category(one) in ("Cc", "Cf", "Zl", "Zp")}


@pytest.fixture(scope="module")
def project(two_versions: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every response is hostile."""
    made = small_project.copy(two_versions, tmp_path_factory.mktemp("terminal") / "project")
    for path in (made / "data/generations/iter1").glob("*.parquet"):
        rows = pl.read_parquet(path)
        texts = pl.Series("response", [HOSTILE[n % len(HOSTILE)] + f" {n}" for n in range(rows.height)])
        path.unlink()
        rows.with_columns(texts, response_chars=texts.str.len_chars()).write_parquet(path)
    return made


def said(*arguments: str, cwd: Path) -> str:
    """What a command prints, whether it fails or not."""
    script = [sys.executable, "-c", "from rlhf_data.commands import main; main()", *arguments]
    done = subprocess.run(script, cwd=cwd, capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    return (done.stdout + done.stderr).decode()


@pytest.mark.parametrize("form", ["table", "csv", "json"])
@pytest.mark.parametrize("query", [
    "select response from generations", "select [response] as texts from generations",
    "select {'a': response} as object from generations", "select map([response], [1]) as map from generations",
])  # fmt: skip
def test_answers_are_only_words(project: Path, form: str, query: str, refused: Callable[..., None]) -> None:
    text = said("sql", query, "--format", form, "--limit", "96", cwd=project)
    assert not set(text) & STEERS
    assert "31mred" in text
    refused("words that steer a terminal, in answers", len(HOSTILE))


def test_errors_names_and_files_are_only_words(project: Path, tmp_path: Path, refused: Callable[..., None]) -> None:
    record = {"prompt": [{"role": "user", "content": "Name a fish."}], "responses": ["A carp."], "rewards": [1]}
    hostile = " ".join(HOSTILE).replace("/", "")
    file = tmp_path / f"{hostile}.jsonl"
    file.write_text(json.dumps({**record, hostile: 1}) + "\n" + json.dumps({"prompt": [{"role": hostile}]}))
    told = ("--iteration", "iter1", "--finish-reason", "stop", "--out", str(tmp_path / f"out {hostile}"))
    for arguments in (
        ("sql", f'from "{hostile}"'), ("sql", "select 1", "--at", hostile), ("ask", hostile), ("diff", hostile, "v1"),
        ("inspect", str(file)), ("import", str(file), *told), ("new-profile", hostile),
    ):  # fmt: skip
        text = said(*arguments, cwd=project)
        assert not set(text) & STEERS, arguments[0]
        assert "x1b[31mred" in text or arguments[0] == "ask", arguments[0]
    refused("words that steer a terminal, in names and errors", 7 * len(HOSTILE))


@given(st.text())
def test_whatever_is_printed_has_no_control_character(text: str) -> None:
    found = terminal.clean(text)
    kinds = {unicodedata.category(one) for one in found if one not in "\n\t\u200c\u200d"}
    assert kinds.isdisjoint({"Cc", "Cf", "Cs", "Zl", "Zp"})
    assert not set(found) & STEERS
    assert terminal.clean(found) == found


def test_ordinary_words_stay() -> None:
    for text in ("A carp.", "père\tnoël\n", "日本", "👩\u200d🔬", "می\u200cخواهم", "│ a │", "µ…–"):
        assert terminal.clean(text) == text
