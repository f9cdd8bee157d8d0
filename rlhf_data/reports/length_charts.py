"""Length reports → SVG text: how the correlation of reward and length spreads, and what a penalty does to lengths."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from rlhf_data.reports.charts import INK, SIZE, Figure, drawn, values

RAMP = ("#d3e4f5", "#0b3c74")
MEAN = "#d9822b"
CHOSEN, REJECTED = "#2a9d76", "#d6504b"
WIDTH, ROW = 300, 20


def heatmap(cells: pl.DataFrame, summary: Mapping[str, Mapping[str, Any]], *, title: str) -> Figure:
    """One heatmap per judge, one below the other (Figure 3); the dark line is 0, the orange one the mean over prompts.

    `cells` and `summary` are those of `length_bias.py`. A judge none of whose correlations is defined is named, and has
    an empty frame.
    """
    import altair as alt

    top = max(cells["prompts"], default=1)
    colour = alt.Color(
        "prompts:Q",
        scale=alt.Scale(domain=[1, max(top, 2)], range=list(RAMP)),  # from 1: a single prompt is not nothing
        legend=alt.Legend(title="prompts", gradientLength=120, tickCount=4),
    )
    maps = [_map(cells.filter(pl.col("judge") == judge), judge, found, colour) for judge, found in summary.items()]
    return Figure(title, alt_text(title, summary), drawn(alt.vconcat(*maps, spacing=24).resolve_scale(y="independent")))


def penalties(sweeps: Mapping[str, pl.DataFrame], in_use: float) -> Figure:
    """The chosen and the rejected length by length penalty, of all iterations; a rule marks the one in use."""
    import altair as alt

    lengths = pl.concat(
        sweep.rename({"chosen_chars": "chosen", "rejected_chars": "rejected"})
        .unpivot(["chosen", "rejected"], index="length_penalty", variable_name="response", value_name="characters")
        .with_columns(iteration=pl.lit(iteration), characters=pl.col("characters").cast(pl.Float64))
        for iteration, sweep in sweeps.items()
    )
    x = alt.X("length_penalty:Q", title="λ, reward per character", axis=alt.Axis(tickCount=4))
    legend, names = alt.Legend(orient="bottom"), list(sweeps)
    colour = alt.Color("response:N", title=None, legend=legend).scale(
        domain=["chosen", "rejected"], range=[CHOSEN, REJECTED]
    )
    dash = alt.StrokeDash("iteration:N", title=None, sort=None, legend=legend).scale(domain=names)
    lines = (
        alt.Chart(values(lengths.drop_nulls(), "length_penalty", "response", "characters", "iteration"))
        .mark_line(strokeWidth=1.5)
        .encode(x=x, y=alt.Y("characters:Q", title="mean length, characters"), color=colour, strokeDash=dash)
    )
    now = alt.Chart(values(pl.DataFrame({"length_penalty": [in_use]}), "length_penalty"))
    rule = now.mark_rule(color=INK, strokeWidth=2).encode(x=x)
    title = "Lengths of the pairs by length penalty"
    said = "; ".join(f"{iteration} {_lengths(sweep)}" for iteration, sweep in sweeps.items())
    chart = drawn(alt.layer(lines, rule).properties(width=300, height=190))
    return Figure(title, f"{title}: {said}. The one in use is {in_use:.3g}.", chart)


def _lengths(sweep: pl.DataFrame) -> str:
    known = sweep.drop_nulls("chosen_chars")
    if not known.height:
        return "no penalty makes a pair"
    return ", ".join(
        f"λ {one['length_penalty']:.3g} chosen {one['chosen_chars']:.0f} and rejected {one['rejected_chars']:.0f}"
        for one in known[[0, -1]].iter_rows(named=True)
    )


def alt_text(title: str, summary: Mapping[str, Mapping[str, Any]]) -> str:
    """The words that stand in for the heatmap."""
    return f"{title}: {'; '.join(f'{judge} {_said(found)}' for judge, found in summary.items())}."


def _map(cells: pl.DataFrame, judge: str, found: Mapping[str, Any], colour: Any) -> Any:
    import altair as alt

    bins = cells.unique("length_bin").sort("length_bin", descending=True)
    names = {low: f"{low:,.0f} – {high:,.0f}" for low, high in bins.select("chars_low", "chars_high").iter_rows()}
    rows = cells.with_columns(characters=pl.col("chars_low").replace_strict(names, return_dtype=pl.String))
    x = alt.X(
        "low:Q",
        title="correlation of reward and length",
        scale=alt.Scale(domain=[-1, 1], nice=False),
        axis=alt.Axis(grid=False, values=[-1, -0.5, 0, 0.5, 1]),
    )
    y = alt.Y("characters:N", title="mean length, characters", sort=list(names.values()))
    squares = (
        alt.Chart(values(rows, "characters", "low", "high", "prompts"))
        .mark_rect()
        .encode(x=x, x2="high:Q", y=y, color=colour)
    )
    lines: list[Any] = [_line(0.0, INK, 1)]
    if (mean := found["length_correlation"]) is not None:
        lines.append(_line(mean, MEAN, 2))
    heading = alt.TitleParams(judge, subtitle=_said(found), subtitleColor=INK, subtitleFontSize=SIZE)
    return alt.layer(squares, *lines).properties(width=WIDTH, height=alt.Step(ROW), title=heading)


def _line(at: float, colour: str, width: int) -> Any:
    import altair as alt

    one = values(pl.DataFrame({"at": [at]}), "at")
    return alt.Chart(one).mark_rule(color=colour, strokeWidth=width).encode(x=alt.X("at:Q"))


def _said(found: Mapping[str, Any]) -> str:
    mean, low, high = (found[f"length_correlation{end}"] for end in ("", "_low", "_high"))
    undefined = f", {found['undefined_prompts']} of {found['prompts']} prompts undefined"
    if mean is None:
        return f"no mean{undefined}"
    return f"mean {mean:.3f}{'' if low is None else f' [{low:.3f}, {high:.3f}]'}{undefined}"
