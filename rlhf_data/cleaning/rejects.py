"""A record that was dropped → its row of the rejects: the rule that dropped it, and what it was."""

from __future__ import annotations

import json
from typing import Any

import polars as pl

from rlhf_data.schemas import MixRejects
from rlhf_data.sources.records import BadRecord

RAW_CHARS = 20_000  # of a dropped record that are kept to look at
DETAIL_CHARS = 500
SAID = ("prompt", "chosen", "rejected", "chosen_score", "rejected_score")  # what is kept of a dropped comparison


def row(bad: BadRecord, record: object) -> dict[str, Any]:
    """The columns of rejects that say why a record was dropped, and what it was."""
    return of_text(bad, raw(record))


def of_text(bad: BadRecord, text: str) -> dict[str, Any]:
    """As `row`, of a record that is text already."""
    # a field's name may hold what no table can
    detail = bad.detail[:DETAIL_CHARS].encode(errors="backslashreplace").decode()
    return {"rule": bad.rule, "detail": detail, "raw": text}


def raw(record: object) -> str:
    """A record as JSON text, cut; it may hold what JSON cannot."""
    try:
        return json.dumps(record, default=str)[:RAW_CHARS]
    except (TypeError, ValueError, RecursionError):
        return json.dumps("the record cannot be written as JSON text, or is nested too deeply")


def of_training(pairs: pl.DataFrame, pair_ids: pl.Series, *, mix: str, max_length: int) -> pl.DataFrame:
    """Comparisons of a mix that a training left out, since what was cut is all that told their sides apart."""
    dropped = pairs.filter(pl.col("pair_id").is_in(pair_ids.to_list()))
    detail = f"the sides are the same in the {max_length} tokens that are left"
    return of_pairs(dropped.with_columns(rule=pl.lit("alike_once_cut"), detail=pl.lit(detail)), mix=mix)


def of_pairs(dropped: pl.DataFrame, *, mix: str) -> pl.DataFrame:
    """Comparisons of a mix that were dropped, with their `rule` and `detail`, as `MixRejects`."""
    texts = [json.dumps(one, ensure_ascii=False) for one in dropped.select(SAID).to_dicts()]
    found = dropped.with_columns(pl.Series("raw", texts, dtype=pl.String), mix=pl.lit(mix))
    return found.select(MixRejects.column_names())
