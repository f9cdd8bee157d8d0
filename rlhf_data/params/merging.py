"""A profile's values: what it says itself, over those of the profile that it starts `from`."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.representer import RoundTripRepresenter

from rlhf_data.errors import ParamsError
from rlhf_data.params import yaml_text

FROM = "from"
NAME = r"[A-Za-z0-9_.-]+"  # of a profile
WRITTEN = "reports/profile.yaml"  # every value in force, as the stage `profile` writes it for DVC to watch
# What is named in these is the experiment's own, and takes the place of what the other profile names
WHOLE = {
    ("ingest", "sources"),
    ("clean", "min_margin"),
    ("clean", "contamination", "sets"),
    ("mix",),
    ("benchmark_pairs", "sets"),
}
Place = tuple[str, ...]
ABSENT = object()


class Nulls(RoundTripRepresenter):
    """Writes `null`, where ruamel leaves a blank."""


Nulls.add_representer(type(None), lambda one, _: one.represent_scalar("tag:yaml.org,2002:null", "null"))


def merged(profile: str, folder: Path = Path(), *, after: tuple[str, ...] = ()) -> dict[str, Any]:
    """The values of params/<profile>.yaml, with those that it leaves to the profile it names under `from`.

    Raises `ParamsError` where a file is absent or no mapping, or profiles start from each other.
    """
    path = folder / "params" / f"{profile}.yaml"
    if profile in after:
        raise ParamsError(f"{path}: profiles start from each other: {' → '.join((*after, profile))}")
    try:
        text = path.read_bytes()
    except FileNotFoundError as error:
        known = ", ".join(sorted(found.stem for found in path.parent.glob("*.yaml")))
        asks = f"params/{after[-1]}.yaml: from" if after else "params.yaml: profile"
        raise ParamsError(f"{asks} {profile!r} has no file {path}; there are: {known}") from error
    return over(yaml_text.loaded(text, str(path)), profile, folder, after=after)


def over(own: Any, profile: str, folder: Path, *, after: tuple[str, ...] = ()) -> dict[str, Any]:
    """As `merged`, of a profile whose own values are at hand."""
    if not isinstance(own, dict):
        raise ParamsError(f"params/{profile}.yaml: no sections, but {type(own).__name__}")
    others = {name: value for name, value in own.items() if name != FROM}
    if FROM not in own:
        return others
    if not (isinstance(own[FROM], str) and re.fullmatch(NAME, own[FROM])):
        raise ParamsError(f"params/{profile}.yaml: from: is the name of another profile, as in `from: tiny`")
    return _over(merged(own[FROM], folder, after=(*after, profile)), others)


def written(values: dict[str, Any], profile: str) -> str:
    """The values as YAML, under a line that says whose they are."""
    yaml, text = YAML(), io.StringIO()
    yaml.default_flow_style, yaml.width = False, 120
    yaml.Representer = Nulls
    yaml.dump(values, text)
    head = f"# Every value of params/{profile}.yaml and of what it starts from, as the stage `profile` writes them."
    return f"{head}\n{text.getvalue()}"


def in_force(path: Path) -> dict[str, Any] | None:
    """The values of the file that DVC watches; None where it is not there."""
    return yaml_text.loaded(path.read_bytes(), str(path)) if path.exists() else None


def moved(before: dict[str, Any], now: dict[str, Any], at: Place = ()) -> Iterator[str]:
    """What differs, a line each: `pair.length_penalty 0.01 → 0.02`."""
    for name in sorted({*before, *now}, key=str):
        old, new = before.get(name, ABSENT), now.get(name, ABSENT)
        if isinstance(old, dict) and isinstance(new, dict):
            yield from moved(old, new, (*at, str(name)))
        elif old != new or type(old) is not type(new):
            yield f"{'.'.join((*at, str(name)))} {_said(old)} → {_said(new)}"


def most_of(lines: Iterable[str], most: int) -> Iterator[str]:
    """The first `most` lines of what `moved`, and how many more there are."""
    lines = list(lines)
    yield from lines[:most]
    if more := lines[most:]:
        yield f"{len(more)} more, as `git diff {WRITTEN}` shows"


def _over(base: dict[str, Any], own: dict[str, Any], at: Place = ()) -> dict[str, Any]:
    found = dict(base)
    for name, value in own.items():
        path, there = (*at, name), base.get(name)
        if isinstance(value, dict) and isinstance(there, dict) and path not in WHOLE and _is_same_kind(value, there):
            found[name] = _over(there, value, path)
        else:
            found[name] = value
    return found


def _is_same_kind(own: dict[str, Any], base: dict[str, Any]) -> bool:
    """Whether one describes what the other does: a judge of another kind has nothing of the first."""
    return bool(own.get("kind", base.get("kind")) == base.get("kind"))


def _said(value: object) -> str:
    text = "none" if value is ABSENT else "null" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
