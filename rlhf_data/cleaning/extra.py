"""Fields of a record that no rule reads, carried along beside its rows (`extra`).

extra: [lang, meta.topic], {"lang": "fr", "meta": {"topic": "fish"}, …}  →  '{"lang": "fr", "meta.topic": "fish"}'
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl

from rlhf_data.cleaning.growing import Growing
from rlhf_data.errors import SourceError
from rlhf_data.params.told import near
from rlhf_data.schemas import Extras
from rlhf_data.sources import fields
from rlhf_data.sources.records import Row


class Carried:
    """A parser that notes these fields of each record that it parses, one after the other, as `Extras`."""

    def __init__(self, parse: Callable[[Any], Sequence[Row]], names: Sequence[str], *, source: str) -> None:
        self._parse, self._names, self._source = parse, names, source
        self._rows, self._seen, self._others = Growing(Extras), Counter[str](), dict[str, None]()
        self._number = -1

    def __call__(self, record: Any) -> Sequence[Row]:
        """What the parser gives."""
        self._number += 1
        found = {name: _plain(fields.optional_at(record, name)) for name in self._names}
        found = {name: value for name, value in found.items() if value is not None}
        self._seen.update(list(found))
        if found:
            text = json.dumps(found, ensure_ascii=False, default=str)
            self._rows.append({"source": self._source, "row": self._number, "extra": text})
        elif isinstance(record, Mapping):
            self._others |= dict.fromkeys(map(str, record))
        return self._parse(record)

    def frame(self) -> pl.DataFrame:
        """The `Extras` so far; raises `SourceError` where no record has a field, which is hardly its name."""
        for name in self._names:
            if self._number >= 0 and not self._seen[name]:
                beside = f"; {near(name, list(self._others))}" if self._others else ""
                raise SourceError(
                    f"{self._source}: extra names {name}, which none of {self._number + 1} records has{beside}\n"
                    "  correct the source's `extra` in the params"
                )
        return self._rows.frame()


def _plain(found: Any) -> Any:
    """The value, each field of it read: one that is not would be told as left unread."""
    if isinstance(found, Mapping):
        return {str(name): _plain(found[name]) for name in found}
    return [_plain(item) for item in found] if isinstance(found, list) else found
