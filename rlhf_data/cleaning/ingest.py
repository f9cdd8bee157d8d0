"""Ingest: raw records → a table of clean rows, and a table of rejects with the rule that dropped each.

    {"prompt": "Name a fish.", "completion": "A carp."}  →  a row of instructions
    {"prompt": "Name a fish.", "completion": ""}         →  a reject: empty_turn, "turn 1 (assistant)"

A record is dropped when none of its rows can be kept, and is then one row of rejects: raw = kept + dropped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

import polars as pl

from rlhf_data.cleaning import rejects
from rlhf_data.cleaning.extra import Carried
from rlhf_data.cleaning.growing import Growing
from rlhf_data.cleaning.pairing import Groups
from rlhf_data.cleaning.unanswered import trimmed
from rlhf_data.cleaning.validation import TABLES, Place, Values
from rlhf_data.cleaning.wanted import wanted
from rlhf_data.errors import SourceError
from rlhf_data.hashing import fraction
from rlhf_data.params.sources import Drawn, Source
from rlhf_data.schemas import Extras, Rejects
from rlhf_data.sources import formats, markup, unread
from rlhf_data.sources.records import BadRecord, Prompt, Response, Row, texts

OTHER_FORMAT = "is it another format? correct the source's `format` or `kind` in the params"
CURES = {  # where it is not the wrong format
    "unread_field": "where such a field changes nothing, name it in the source's `leaves`",
    "not_to_learn": "SFT learns every answer of a conversation: leave out those that are not to be learnt",
    "not_wanted": "no record has the values of the source's `where`: how does the file spell them?",
    "held_out_prompt": "lower `held_out`: it is the share of all first questions that no model is trained on",
}


class Cleaned(NamedTuple):
    """What a source's records became; `raw` and `kept` count records, the tables' heights count rows."""

    kind: str
    table: pl.DataFrame
    rejects: pl.DataFrame
    raw: int
    kept: int
    unread: Mapping[str, int] = MappingProxyType({})  # fields that were left unread: kept records that hold them
    markup: int = 0  # kept records with special tokens of a chat template in a text
    trimmed: int = 0  # records that lost the user's turns at their end
    extras: pl.DataFrame = Extras.create_empty()  # of all records that have some, kept or not


def of_source(
    raw: Iterable[object],
    parse: Callable[[Any], Sequence[Row]],
    source: Source,
    *,
    name: str,
    max_chars: int,
    seed: int,
    seen: dict[str, str] | None = None,
    held_out: Callable[[str], bool] | None = None,
    drop_markup: bool = False,
) -> Cleaned:
    """The rows of a whole source, cleaned as `clean` does and capped as its params say.

    Raises `SourceError` where none of its records can be used.
    """
    own = None if isinstance(source, Drawn) else source  # drawn records have no options
    lost, carried = Counter[str](), None
    if own and own.trim_unanswered:
        parse = partial(trimmed, parse, lost)
    if own and own.where:
        parse = partial(wanted, parse, own.where)
    if own and own.extra:
        parse = carried = Carried(parse, own.extra, source=name)
    cleaned = clean(
        raw,
        parse,
        source=name,
        kind=source.kind,
        max_chars=max_chars,
        seen=seen,
        held_out=held_out,
        leaves=(*formats.leaves(own.format), *own.leaves) if own else (),
        drop_markup=drop_markup,
    )
    refuse_nothing_kept(cleaned, name, source.format)
    cleaned = cleaned._replace(trimmed=lost["records"])
    if carried is not None:
        cleaned = cleaned._replace(extras=carried.frame())
    if own and own.max_pairs_per_prompt is not None:
        cleaned = capped(cleaned, most=own.max_pairs_per_prompt, pick=own.pick, seed=seed)
    return cleaned


def clean(
    records: Iterable[object],
    parse: Callable[[Any], Sequence[Row]],
    *,
    source: str,
    kind: str,
    max_chars: int,
    seen: dict[str, str] | None = None,
    held_out: Callable[[str], bool] | None = None,
    leaves: Collection[str] = (),
    drop_markup: bool = False,
) -> Cleaned:
    """The rows of `kind` that `parse` finds in the records, each checked and none twice.

    `max_chars` bounds the texts of a row. `leaves` are fields that the format knowingly does not read; of the others
    those that it did not read are counted, or refuse the record (`unread`). Texts with special tokens of a chat
    template are counted, and refused if `drop_markup`. Of two rows that say the same, or label the same two
    responses the other way round, the earlier one stays; sources that share `seen` share that memory (it maps a
    row's id to where it was met first). Conversations with a prompt that is `held_out` are dropped. Records of one
    response each are compared with the earlier ones to the same prompt.
    """
    schema, make = TABLES[kind]
    seen = {} if seen is None else seen
    rows, refused, groups = Growing(schema), Growing(Rejects), Groups()
    left, here, marked = Counter[str](), set[str](), 0
    parse = unread.reading(parse, leaves, here.update)
    raw = dropped = 0
    for number, record in enumerate(records):
        raw += 1
        here.clear()
        try:
            found = _short(parse(record), max_chars)
            has_markup = _marked(found, refuse=drop_markup)
            made = _made(found, record, make, Place(source, number, seen, held_out), groups)
        except BadRecord as bad:
            refused.append({"source": source, "row": number} | rejects.row(bad, record))
            dropped += 1
        else:
            left.update(here)
            marked += has_markup
            for values in made:
                rows.append({"source": source, "row": number} | values)
    for number, fault, text in groups.unused():
        refused.append({"source": source, "row": number} | rejects.of_text(fault, text))
        dropped += 1
    return Cleaned(kind, rows.frame(), refused.frame().sort("row"), raw, raw - dropped, left, marked)


def capped(cleaned: Cleaned, *, most: int, pick: str, seed: int) -> Cleaned:
    """At most so many comparisons of each prompt: the first, or those that a hash of their texts and the seed picks.

    A record all of whose comparisons go is dropped as `pairs_per_prompt`; its text is made from the first of them. Of
    records of one response each, only those that are chosen somewhere count.
    """
    order = [fraction(seed, "pairs_per_prompt", one) for one in cleaned.table["pair_id"]]
    if pick == "first":
        order = [float(place) for place in range(cleaned.table.height)]
    rank = pl.Series("rank", order, dtype=pl.Float64)
    stays = cleaned.table.select("prompt_id", rank).select(pl.col("rank").rank("ordinal").over("prompt_id") <= most)
    kept = cleaned.table.filter(stays.to_series())
    columns = ("source", "row", "prompt", "chosen", "rejected", "chosen_score", "rejected_score")
    gone = cleaned.table.select(columns).join(kept, on="row", how="anti", maintain_order="left")
    gone = gone.unique("row", keep="first", maintain_order=True)
    refused = Growing(Rejects)
    for row in gone.iter_rows(named=True):
        bad = BadRecord("pairs_per_prompt", f"its prompt has more than {most}")
        text = rejects.raw({name: row[name] for name in columns[2:]})
        refused.append({"source": row["source"], "row": row["row"]} | rejects.of_text(bad, text))
    dropped = pl.concat([cleaned.rejects, refused.frame()]).sort("row")
    return cleaned._replace(table=kept, rejects=dropped, kept=cleaned.kept - gone.height)


def refuse_nothing_kept(cleaned: Cleaned, origin: str, format: str) -> None:
    """Raises `SourceError` where no record was kept: the file is hardly of the format that its params name."""
    if cleaned.kept:
        return
    if not cleaned.raw:
        raise SourceError(f"{origin}: no records\n  fetch it again, or take the source out of the params")
    rule, times = Counter(cleaned.rejects["rule"].to_list()).most_common(1)[0]
    detail = cleaned.rejects.filter(pl.col("rule") == rule)["detail"][0]
    raise SourceError(
        f"{origin}: 0 of {cleaned.raw} records can be used as {format}\n"
        f"  {rule} ({times} records), the first: {detail}\n"
        f"  {CURES.get(rule, OTHER_FORMAT)}"
    )


def _marked(found: Sequence[Row], *, refuse: bool) -> bool:
    """Whether a text holds special tokens of a chat template; raises `BadRecord` where that is refused."""
    has_markup = any(markup.found(text) for row in found for text in texts(row))
    if has_markup and refuse:
        raise BadRecord("markup", "a text holds special tokens of a chat template")
    return has_markup


def _made(
    found: Sequence[Row], record: object, make: Callable[..., Values], place: Place, groups: Groups
) -> list[Values]:
    """The rows of a record that are good and new; one of a single response meets the earlier ones to its prompt."""
    if found and isinstance(found[0], Response):
        return groups.paired(found[0], rejects.raw(record), place, make)
    # the prompt pool has one prompt per record: (source, row) is its key
    return _new_rows(found, make, place, most=1 if found and isinstance(found[0], Prompt) else len(found))


def _new_rows(found: Sequence[Row], make: Callable[..., Values], place: Place, *, most: int) -> list[Values]:
    """Up to `most` rows that are good and new; where there is none, raises the first row's `BadRecord`."""
    made: list[Values] = []
    refused = [] if found else [BadRecord("no_rows", "the record holds nothing to keep")]
    for row in found:
        if len(made) == most:
            break
        try:
            made.append(make(row, place))
        except BadRecord as bad:
            refused.append(bad)
    if not made:
        raise refused[0]
    return made


def _short(found: Sequence[Row], max_chars: int) -> Sequence[Row]:
    """The rows whose texts have at most `max_chars` characters; raises `BadRecord` where none has."""
    chars = [sum(map(len, texts(row))) for row in found]
    if found and min(chars) > max_chars:
        raise BadRecord("too_long", f"{min(chars)} characters; at most {max_chars}")
    return [row for row, long in zip(found, chars, strict=True) if long <= max_chars]
