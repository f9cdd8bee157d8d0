"""An address that stays the same: for its owner alone, and never one that others could have set."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rlhf_data.errors import StorageError
from rlhf_data.explore import address
from rlhf_data.explore.address import FILE, Address

SECRET = "kZ4-" * 10


def test_it_is_read_again_and_others_may_not(tmp_path: Path) -> None:
    assert address.kept(tmp_path) is None
    address.keep(tmp_path, Address(8123, SECRET))
    assert address.kept(tmp_path) == (8123, SECRET)
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    address.keep(tmp_path, Address(8124, SECRET))
    assert address.kept(tmp_path) == (8124, SECRET)
    assert [path.name for path in (tmp_path / FILE).parent.iterdir()] == [FILE.name]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644, 0o666])
def test_one_that_others_could_touch_is_forgotten(tmp_path: Path, mode: int) -> None:
    address.keep(tmp_path, Address(8123, SECRET))
    (tmp_path / FILE).chmod(mode)
    assert address.kept(tmp_path) is None


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "null", '{"port": 1}', "{" * 9, json.dumps({"port": "80", "secret": SECRET}),
        json.dumps({"port": 0, "secret": SECRET}), json.dumps({"port": 2**16, "secret": SECRET}),
        json.dumps({"port": 80, "secret": ""}), json.dumps({"port": 80, "secret": "short"}),
        json.dumps({"port": 80, "secret": f"{SECRET}/../x"}), json.dumps({"port": 80, "secret": 5}),
    ],
)  # fmt: skip
def test_a_damaged_one_is_forgotten(tmp_path: Path, text: str) -> None:
    address.keep(tmp_path, Address(8123, SECRET))
    (tmp_path / FILE).write_text(text)
    assert address.kept(tmp_path) is None


def test_where_nothing_can_be_written_it_says_so(tmp_path: Path) -> None:
    (tmp_path / ".dvc").write_text("")
    with pytest.raises(StorageError, match="without --keep nothing is written"):
        address.keep(tmp_path, Address(8123, SECRET))
