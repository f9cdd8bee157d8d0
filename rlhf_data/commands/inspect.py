"""`rlhf-data inspect`: which formats read a file, what each keeps, and the line of params that reads it."""

from __future__ import annotations

import json
import re
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from ruamel.yaml import YAML

from rlhf_data.cleaning import inspection
from rlhf_data.commands import terminal
from rlhf_data.errors import SourceError
from rlhf_data.params.sources import FileSource
from rlhf_data.sources import hub, readers

PLAIN = re.compile(r"[\w/][\w./-]*")
RECORDS, ROWS, FORMATS, TEXT = 1000, 3, 8, 100
TOLD = {"preferences": ("prompt", "chosen", "rejected", "chosen_score", "rejected_score", "annotator"),
        "instructions": ("messages",), "prompts": ("prompt",)}  # fmt: skip


def main(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A file, or a hub id (or its folder) with --split.")],
    split: Annotated[str | None, typer.Option(help="Of a data set of the hub.")] = None,
    records: Annotated[int, typer.Option(min=1, help="How many records are looked at.")] = RECORDS,
) -> None:
    """Say which formats fit a file, how many records each keeps, and what would be read of the first ones."""
    found = list(islice(opened(file, split), records))
    print(f"{file}: the first {len(found)} records; fields: {', '.join(dict.fromkeys(_fields(found))) or 'none'}\n")
    fits = inspection.fits(found)
    if not fits:
        any_layout = "`format: custom` takes any layout: name the fields yourself, as docs/formats.md shows"
        near = inspection.nearest(found) or any_layout
        raise SourceError(f"{file}: no format keeps any record\n  {near}")
    print(f"  {'format':<24}{'kind':<14}{'kept':>6}{'rows':>7}  not read")
    for source, cleaned in fits[:FORMATS]:
        left = ", ".join(sorted(cleaned.unread)) or "–"
        print(f"  {source['format']:<24}{source['kind']:<14}{cleaned.kept:>6}{cleaned.table.height:>7}  {left}")
    for kind in dict.fromkeys(fit.source["kind"] for fit in fits):
        _show(file, split, next(fit for fit in fits if fit.source["kind"] == kind))


def opened(file: str, split: str | None = None) -> Any:
    """The records of a file, or of a split of the hub's; raises `SourceError` where there are none."""
    if split is None:
        return readers.records(Path(file))
    return hub.records(FileSource(format="standard", kind="preferences", hub=file, split=split))


def line(file: str, split: str | None, source: dict[str, Any]) -> str:
    """A source as `ingest.sources` of a profile has it."""
    where = {"path": file} if split is None else {"hub": file, "revision": None, "split": split}
    said = {"format": source["format"], "kind": source["kind"], **where, **source}
    return "{" + ", ".join(f"{name}: {_yaml(value)}" for name, value in said.items()) + "}"


def _show(file: str, split: str | None, fit: inspection.Fit) -> None:
    source, cleaned = fit
    print(f"\n{source['kind']}, read as {source['format']}:")
    for row in cleaned.table.head(ROWS).iter_rows(named=True):
        for name in TOLD[source["kind"]]:
            if row[name] is not None:
                print(f"  {name:<16}{_short(row[name])}")
        print()
    rules = cleaned.rejects.group_by("rule").len().sort("len", "rule", descending=[True, False])
    for rule, times in rules.iter_rows():
        print(f"  dropped: {times} × {rule}, the first: {_short(cleaned.rejects.filter(rule=rule)['detail'][0])}")
    print(f"  for `ingest.sources`:\n    mine: {line(file, split, source)}")


def _fields(records: list[Any]) -> list[str]:
    return [_short(path)[1:-1] for record in records[:ROWS] for path in inspection.paths(record)]


def _short(value: object) -> str:
    """A value on one line, its control characters escaped."""
    if isinstance(value, list):
        value = " / ".join(f"{turn['role']}: {turn['content']}" for turn in value)
    text = terminal.clean(json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value))
    return text if len(text) <= TEXT else f"{text[:TEXT]}…"


def _yaml(value: object) -> str:
    """A value as YAML spells it within {}: bare where that is the same text again."""
    if isinstance(value, str) and PLAIN.fullmatch(value) and YAML(typ="safe").load(value) == value:
        return value
    text = json.dumps(value, ensure_ascii=False)
    return "".join(one if one.isprintable() else f"\\U{ord(one):08x}" for one in text)
