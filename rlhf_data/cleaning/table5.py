"""Each preference source's comparisons in numbers, beside the figures of the paper's Table 5."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from rlhf_data.errors import TableError
from rlhf_data.sources.about import About

COUNTS = ("prompts", "pairs")
NAMED = 3  # annotators that are named
TOKENS = ("prompt_tokens", "chosen_tokens", "rejected_tokens")  # means over pairs, of the profile's own tokenizer


def figures(pairs: pl.DataFrame, lengths: pl.DataFrame) -> dict[str, Any]:
    """A source's `Preferences` and `Lengths` → its annotators, counts and mean tokens.

    Raises `TableError` where a comparison has no token counts.
    """
    joined = pairs.select("pair_id", "prompt_id").join(lengths, on="pair_id", how="left", validate="1:1")
    if uncounted := joined["prompt_tokens"].null_count():
        raise TableError(f"{uncounted} of {joined.height} comparisons have no token counts\n  `dvc repro lengths`")
    means = joined.select(pl.col(TOKENS).mean().round(1)).row(0, named=True)
    counts = {"prompts": joined["prompt_id"].n_unique(), "pairs": joined.height}
    return {"annotator": _named(pairs["annotator"]), **counts, **means}


def _named(annotators: pl.Series) -> str:
    """Who labelled most, and how many others did."""
    names = annotators.value_counts(sort=True)["annotator"].to_list()
    others = f" and {len(names) - NAMED} others" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + others


def table(found: Mapping[str, Mapping[str, Any]], abouts: Mapping[str, About | None]) -> pl.DataFrame:
    """One row per source: `annotator`, `licence`, and each figure with `paper_<figure>` and `<figure>_difference`.

    The last two are null where nothing is published, the licence where many data sets share the format.
    """
    rows = []
    for source, ours in found.items():
        about = abouts[source]
        row: dict[str, object] = {
            "source": source,
            "annotator": ours["annotator"],
            "licence": about.licence if about else None,
            "non_commercial": about.non_commercial if about else None,
        }
        for name in (*COUNTS, *TOKENS):
            paper = getattr(about.expected, name) if about else None
            row |= {name: ours[name], f"paper_{name}": paper}
            row[f"{name}_difference"] = None if paper is None else round(ours[name] - paper, 1)
        rows.append(row)
    kinds: dict[str, type[pl.DataType]] = {"annotator": pl.String, "licence": pl.String, "non_commercial": pl.Boolean}
    for name in (*COUNTS, *TOKENS):
        kind = pl.Int64 if name in COUNTS else pl.Float64
        kinds |= {name: kind, f"paper_{name}": kind, f"{name}_difference": kind}
    return pl.DataFrame(rows, schema={"source": pl.String, **kinds})


def refuse_others(
    figures: pl.DataFrame,
    complete: Iterable[str],
    *,
    ingested: pl.DataFrame,
    rejects: pl.DataFrame,
    abouts: Mapping[str, About | None],
) -> None:
    """Raises `TableError` where a source that is complete has other counts than the published ones.

    The message says whether the file or a rule is off, and which: `ingested` is `Counts`, `rejects` what ingest
    dropped. A complete source of which nothing is published is an error too.
    """
    problems = []
    for source in complete:
        about = abouts[source]
        row = figures.row(by_predicate=pl.col("source") == source, named=True)
        if about is None or about.expected.pairs is None:
            problems.append(f"{source}: no number of pairs is published; take it out of table5.complete")
            continue
        wrong = [
            f"{row[name]:,} {name}, published {row[f'paper_{name}']:,} ({row[f'{name}_difference']:+,})"
            for name in COUNTS
            if row[f"{name}_difference"]
        ]
        if wrong:
            raw = int(ingested.filter(pl.col("source") == source)["raw"].sum())
            rules = rejects.filter(pl.col("source") == source).group_by("rule").len().sort("len", descending=True)
            dropped = {str(rule): int(times) for rule, times in rules.iter_rows()}
            off = _what_is_off(row["pairs_difference"], raw, about.expected.raw, dropped)
            problems.append(f"{source}: {'; '.join(wrong)}\n    {off}")
    if problems:
        raise TableError("other counts than published\n  " + "\n  ".join(problems))


def _what_is_off(difference: int, raw: int, published: int | None, dropped: Mapping[str, int]) -> str:
    if published is not None and raw != published:
        return f"the file is another: {raw:,} records, published {published:,}; is it another split or version?"
    rules = ", ".join(f"{rule} {rows:,}" for rule, rows in dropped.items()) or "none"
    if difference < 0 and dropped:
        nearest = min(dropped, key=lambda rule: abs(dropped[rule] + difference))
        return f"a rule drops too much, by its number {nearest}; records dropped: {rules}"
    return f"a rule is missing or lets too much through; records dropped: {rules}"
