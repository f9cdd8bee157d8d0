"""Report tables → charts as SVG text, each with the words that stand in for it.

A chart is drawn in colours that hold on white and on black; a style inside the SVG swaps the ink for the reader's
colour scheme. Null cells are left out: a figure that is unknown is not 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

if TYPE_CHECKING:
    import altair as alt

INK, GRID = "#1f2430", "#d8dbe2"  # as drawn, for a light page
SCHEME = f"""<style>@media (prefers-color-scheme: dark) {{
[fill="{INK}"] {{ fill: #e6e8ee }} [stroke="{INK}"] {{ stroke: #e6e8ee }} [stroke="{GRID}"] {{ stroke: #3a4150 }}
}}</style>"""
MAIN = "#2f80c9"
KEPT = "#9aa3b2"  # what stays is the ground that the dropped rows stand out from
DROPPED = ("#d9822b", "#2f80c9", "#bf4f9d", "#2a9d76", "#8a6fd1", "#c9a227", "#d6504b", "#4aa5b5")

# a measure of the policies, its title, and where it would be a draw with π₀
PANELS = (
    ("gold_reward_gain", "Gold reward gain over π₀", 0.0),
    ("win_rate", "Win rate over π₀", 0.5),
    ("reward", "Reward-model reward", None),
    ("response_chars", "Response length, characters", None),
)
HACKING = (
    ("kl", "KL to π₀, nats per answer", 0.0),
    ("reward", "Reward (the proxy)", None),
    ("gold_reward", "Gold reward", None),
    ("preference", "Second judge: P(better than π₀'s)", 0.5),
)
MEASURES = ("loss", "learning_rate", "grad_norm", "accuracy", "margin", "token_accuracy")
LINES = ("#2f80c9", "#d9822b", "#2a9d76", "#bf4f9d", "#8a6fd1", "#c9a227")  # of trainings, in their order
SIZE = 12  # of every text, in pixels


class Figure(NamedTuple):
    """A chart; `alt` says what it shows to who cannot see it."""

    title: str
    alt: str
    svg: str


def policies(table: pl.DataFrame) -> list[Figure]:
    """One chart per measure, over the policies in the table's order; with its 95 % interval where the table has one."""
    return [_panel(table, *panel) for panel in PANELS if table[panel[0]].drop_nulls().len()]


def hacking(table: pl.DataFrame) -> list[Figure]:
    """One chart per measure, over the policies: the reward that they are trained on, and what it is held against."""
    return [_panel(table, *panel) for panel in HACKING if table[panel[0]].drop_nulls().len()]


def training(curves: Mapping[str, pl.DataFrame], groups: Mapping[str, Sequence[str]]) -> dict[str, list[Figure]]:
    """By group of trainings: one chart per measure that one of them has, with a line for each training, by step."""
    found: dict[str, list[Figure]] = {}
    for title, names in groups.items():
        for measure in MEASURES:
            logged = {
                name: curves[name].drop_nulls(measure).select("step", pl.col(measure).cast(pl.Float64))
                for name in names
                if name in curves and measure in curves[name].columns
            }
            if logged := {name: curve for name, curve in logged.items() if curve.height}:
                found.setdefault(title, []).append(_curves(measure, logged))
    return found


def _curves(measure: str, logged: Mapping[str, pl.DataFrame]) -> Figure:
    import altair as alt

    title, names = measure.replace("_", " ").capitalize(), list(logged)
    table = pl.concat([curve.with_columns(training=pl.lit(name)) for name, curve in logged.items()])
    legend = alt.Legend(orient="bottom") if len(names) > 1 else None
    lines = (
        alt.Chart(values(table, "step", measure, "training"))
        .mark_line(strokeWidth=1.5)
        .encode(
            x=alt.X("step:Q", title="step", axis=alt.Axis(tickCount=4)),
            y=alt.Y(f"{measure}:Q", title=None, axis=alt.Axis(tickCount=4), scale=alt.Scale(zero=False)),
            color=alt.Color("training:N", title=None, sort=None, legend=legend).scale(
                domain=names, range=[LINES[place % len(LINES)] for place in range(len(names))]
            ),
        )
        .properties(width=230, height=140)
    )
    last = ", ".join(f"{name} {curve[measure][-1]:.3g}" for name, curve in logged.items())
    return Figure(title, f"{title}: {last} at the last step.", drawn(lines))


def cleaning(table: pl.DataFrame) -> Figure:
    """Every source's rows as one bar, stacked by the rule that dropped them or by being kept."""
    import altair as alt

    rules = [rule for rule in table["rule"].unique().sort() if rule != "kept"]
    order = {rule: place for place, rule in enumerate(["kept", *rules])}
    rows = table.with_columns(order=pl.col("rule").replace_strict(order, return_dtype=pl.Int64))
    colours = [KEPT, *(DROPPED[place % len(DROPPED)] for place in range(len(rules)))]
    bars = (
        alt.Chart(values(rows, "source", "rule", "rows", "order"))
        .mark_bar()
        .encode(
            x=alt.X("rows:Q", title="rows", axis=alt.Axis(tickCount=4, format="~s")),
            y=alt.Y("source:N", title=None, sort=None),
            color=alt.Color(
                "rule:N",
                title=None,
                scale=alt.Scale(domain=list(order), range=colours),
                legend=alt.Legend(orient="bottom", columns=2, labelLimit=240),
            ),
            order=alt.Order("order:Q"),
        )
        .properties(width=320, height=alt.Step(26))
    )
    kept, read = table.filter(pl.col("rule") == "kept")["rows"].sum(), table["rows"].sum()
    title = "Rows kept and dropped, by source"
    return Figure(title, f"{title}: {kept} of {read} rows were kept. The table has every count.", drawn(bars))


def _panel(table: pl.DataFrame, measure: str, title: str, level: float | None) -> Figure:
    import altair as alt

    low, high = f"{measure}_low", f"{measure}_high"
    interval = [low, high] if low in table.columns else []
    known = table.drop_nulls([measure, *interval])
    data = values(known, "policy", measure, *interval)
    names = table["policy"].to_list()  # all of them, so that every panel has the same x
    x = alt.X("policy:N", title=None, sort=names, scale=alt.Scale(domain=names), axis=alt.Axis(labelAngle=0))
    y = alt.Y(f"{measure}:Q", title=None, axis=alt.Axis(tickCount=5), scale=alt.Scale(zero=level == 0))
    layers: list[Any] = []
    if level is not None:
        draw = alt.Chart(values(pl.DataFrame({"level": [level]}), "level"))
        layers.append(draw.mark_rule(color=INK, strokeDash=[4, 3]).encode(y=alt.Y("level:Q", title=None)))
    if interval:
        bar = alt.Chart(data).mark_rule(color=MAIN, strokeWidth=2)
        layers.append(bar.encode(x=x, y=alt.Y(f"{low}:Q", title=None), y2=alt.Y2(f"{high}:Q")))
    layers.append(alt.Chart(data).mark_line(color=MAIN, opacity=0.45).encode(x=x, y=y))
    layers.append(alt.Chart(data).mark_point(color=MAIN, filled=True, opacity=1, size=60).encode(x=x, y=y))
    said = ", ".join(f"{name} {value:.3g}" for name, value in known.select("policy", measure).iter_rows())
    return Figure(title, f"{title}: {said}.", drawn(alt.layer(*layers).properties(width=230, height=150)))


def values(table: pl.DataFrame, *columns: str) -> alt.Data:
    """Columns of a table for a chart."""
    import altair as alt

    # not the frame itself, of which Altair takes at most 5000 rows
    return alt.Data(values=table.select(columns).to_dicts())


def drawn(chart: Any) -> str:
    """A chart drawn, in the page's colours."""
    import altair as alt
    import vl_convert

    text = {"labelColor": INK, "titleColor": INK, "labelFontSize": SIZE, "titleFontSize": SIZE}
    text["titleFontWeight"] = "normal"
    spec = (
        chart.configure(background="transparent", font="sans-serif", padding=4)
        .configure_axis(**text, gridColor=GRID, domainColor=GRID, tickColor=GRID)
        .configure_legend(**text)
        .configure_title(color=INK, fontWeight="normal", fontSize=SIZE, anchor="start")
        .configure_view(stroke=None)
        .to_json()
    )
    version = alt.SCHEMA_VERSION.rpartition(".")[0]  # vl-convert knows v6.4, not v6.4.1
    svg: str = vl_convert.vegalite_to_svg(spec, vl_version=version, allowed_base_urls=[])
    head, rest = svg.split(">", 1)
    return f"{head}>{SCHEME}{rest}"
