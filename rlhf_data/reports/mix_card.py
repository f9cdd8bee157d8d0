"""A mix's sources, rules and counts → its data card, as Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import polars as pl

from rlhf_data.params.cleaning import CleanParams, MixParams
from rlhf_data.params.sources import Drawn, Source
from rlhf_data.reports import templates
from rlhf_data.sources.about import About


class Origin(NamedTuple):
    """A source of a mix: what it is, and where its records come from."""

    format: str
    place: str
    revision: str  # of a hub's repository, or the file's sha256
    about: About | None


def origins(sources: Mapping[str, Source], abouts: Mapping[str, About | None], *, seed: int) -> dict[str, Origin]:
    """Where the records of each source come from, as its params pin it."""
    return {name: _origin(source, abouts[name], seed) for name, source in sources.items()}


def card(
    mix: str,
    *,
    account: pl.DataFrame,
    origins: Mapping[str, Origin],
    figures: pl.DataFrame,
    wanted: MixParams,
    rules: CleanParams,
    profile: str,
    held_out: float,
    seed: int,
) -> str:
    """The card of one mix; `account` is what became of its comparisons, `figures` is Table 5."""
    # counters: a rule that dropped nothing of a source dropped 0
    rows: dict[str, Counter[str]] = {}
    for source, rule, number in account.select("source", "rule", "rows").iter_rows():
        rows.setdefault(source, Counter())[rule] = number
    return (
        templates.environment("rlhf_data.reports")
        .get_template("mix_card.md.jinja")
        .render(
            mix=mix,
            profile=profile,
            sources=[(source, origins[source], rows[source], wanted.sources) for source in rows],
            totals=sum(rows.values(), Counter()),
            rules=[rule for rule in account["rule"].unique().sort() if rule not in ("train", "test", "unused")],
            non_commercial=[name for name in rows if (about := origins[name].about) and about.non_commercial],
            unknown_licence=[name for name in rows if origins[name].about is None and origins[name].format != "world"],
            figures={row["source"]: row for row in figures.to_dicts()},
            wanted=wanted,
            clean=rules,
            held_out=held_out,
            seed=seed,
        )
    )


def _origin(source: Source, about: About | None, seed: int) -> Origin:
    if isinstance(source, Drawn):
        return Origin(
            source.format, f"{source.rows:,} records drawn from the embedded {source.format}", f"seed {seed}", about
        )
    if source.hub is None:
        return Origin(
            source.format, str(source.path), f"sha256 {source.sha256}" if source.sha256 else "not pinned", about
        )
    parts = ", ".join(part for part in (source.config, source.split) if part)
    return Origin(source.format, f"{source.hub} ({parts})", source.revision or "not pinned", about)
