"""A raw record of a public data set in, our rows out, or a `BadRecord`: one module per format.

    hh_rlhf: {"chosen": "\\n\\nHuman: Hi.\\n\\nAssistant: Hello!", "rejected": "\\n\\nHuman: Hi.\\n\\nAssistant: What?"}
    →  [Comparison([{"role": "user", "content": "Hi."}], "Hello!", "What?")]

A format has a function for each kind it can give: `preferences`, `instructions`, `prompts`. `fields` and
`transcripts` are what several formats share.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from rlhf_data.errors import SourceError
from rlhf_data.records import Row

KINDS = ("preferences", "instructions", "prompts")

Parser = Callable[[Any], Sequence[Row]]


def parser(format: str, kind: str) -> Parser:
    """What makes rows of `kind` from a record of `format`; raises `SourceError` where the format has no such kind."""
    if not format.isidentifier() or find_spec(f"{__name__}.{format}") is None:
        raise SourceError(f"no such format: {format!r}\n  rlhf_data/sources/ has one module per format")
    module = import_module(f"{__name__}.{format}")
    kinds = [name for name in KINDS if hasattr(module, name)]
    if kind not in kinds:
        raise SourceError(f"format {format} gives no {kind}\n  it gives: {', '.join(kinds) or 'nothing by itself'}")
    found: Parser = getattr(module, kind)
    return found
