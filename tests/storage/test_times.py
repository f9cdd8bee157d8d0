"""How long stages took: kept by name, told in two units."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlhf_data.storage import times


def test_what_is_written_down_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("dvc.yaml").touch()
    assert times.taken() == {}
    times.record("pair@iter1", 1.26)
    times.record("score@iter1-reward", 61)
    times.record("pair@iter1", 2.0)
    for name, text in {"damaged": "{", "other": "[]", "word": '{"seconds": "x"}'}.items():
        (times.FOLDER / f"{name}.json").write_text(text)
    assert times.taken(tmp_path) == {"pair@iter1": 2.0, "score@iter1-reward": 61.0}


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (0.4, "0 s"), (8.2, "8 s"), (60, "1 min"), (200, "3 min 20 s"), (3600, "1 h"), (7500, "2 h 5 min"),
     (7505, "2 h 5 min"), (273_600, "3 d 4 h")],
)  # fmt: skip
def test_durations(seconds: float, said: str) -> None:
    assert times.spoken(seconds) == said
