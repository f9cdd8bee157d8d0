"""How long each stage took when it last ran here: `data/.journal/times/<stage>.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from rlhf_data.storage.atomic import atomically

FOLDER = Path("data/.journal/times")


def record(stage: str, seconds: float) -> None:
    """Writes down that a stage, by its name in DVC, has run for so long."""
    atomically(FOLDER / f"{stage}.json", partial(Path.write_text, data=json.dumps({"seconds": round(seconds, 1)})))


def taken(project: Path = Path()) -> dict[str, float]:
    """Seconds by stage, of those that are known; a file that cannot be read counts as none."""
    found = {}
    for path in sorted((project / FOLDER).glob("*.json")):
        try:
            found[path.stem] = float(json.loads(path.read_text(encoding="utf8"))["seconds"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return found


def spoken(seconds: float) -> str:
    """A duration in the two units that matter: `8 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`."""
    left, parts = round(seconds), list[tuple[int, str]]()
    units: Mapping[str, int] = {"d": 86_400, "h": 3_600, "min": 60, "s": 1}
    for unit, size in units.items():
        whole, left = divmod(left, size)
        if whole or parts:
            parts.append((whole, unit))
    return " ".join(f"{number} {unit}" for number, unit in parts[:2] if number) or "0 s"
