"""A YAML document, looked at before it is loaded: a short one can name itself a billion times, or nest without end."""

from __future__ import annotations

from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, NodeEvent

from rlhf_data.errors import ParamsError

MOST_BYTES = 2**20
DEEPEST = 40
MOST_VALUES = 20_000  # with what aliases stand for


def loaded(text: str | bytes, path: str) -> Any:
    """What a document says; raises `ParamsError` where it is no YAML, or too long, deep or large."""
    if len(text) > MOST_BYTES:
        raise ParamsError(f"{path}: {len(text)} bytes of YAML, and {MOST_BYTES} are much\n  is it the right file?")
    try:
        _refuse_large(text, path)
        # DVC reads YAML 1.2 with ruamel too; PyYAML would take 5e-7 for text
        return YAML(typ="safe").load(text)
    except ParamsError:
        raise
    except (YAMLError, ValueError, RecursionError) as error:
        raise ParamsError(f"{path}: not YAML: {error}") from error


def _refuse_large(text: str | bytes, path: str) -> None:
    open_nodes: list[tuple[str | None, int]] = [(None, 0)]  # the anchors of collections, and their values so far
    sizes: dict[str, int] = {}
    for event in YAML(typ="safe", pure=True).parse(text):
        if isinstance(event, CollectionStartEvent):
            open_nodes.append((event.anchor, 1))
            if len(open_nodes) > DEEPEST:
                raise ParamsError(f"{path}: nested deeper than {DEEPEST} levels\n  no parameter is")
            continue
        anchor, size = open_nodes.pop() if isinstance(event, CollectionEndEvent) else (None, 1)
        if isinstance(event, AliasEvent):
            if event.anchor not in sizes:
                raise ParamsError(f"{path}: *{str(event.anchor)[:40]} is part of itself, or nowhere\n  write it out")
            size = sizes[event.anchor]
        elif not isinstance(event, NodeEvent | CollectionEndEvent):
            continue  # where a document begins and ends
        if name := anchor or getattr(event, "anchor", None):
            sizes[name] = size
        outer, held = open_nodes.pop()
        open_nodes.append((outer, held + size))
        if held + size > MOST_VALUES:
            raise ParamsError(f"{path}: more than {MOST_VALUES} values, aliases written out\n  no profile has so many")
