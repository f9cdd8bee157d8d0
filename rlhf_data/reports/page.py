"""A run's figures, charts and example prompts → one HTML page that needs nothing else and runs nothing.

Responses are whatever a model wrote: every value is escaped, charts are images (nothing in an image can run), and
the page's own policy forbids scripts and every load.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, NamedTuple

import polars as pl

from rlhf_data.evaluation import length_bias as bias
from rlhf_data.reports import charts, length_charts

UNKNOWN = "–"


class Column(NamedTuple):
    """How a table's column is shown; `kind` is a key of FORMATS."""

    name: str
    label: str
    kind: str


POLICIES = (
    Column("policy", "Policy", "text"),
    Column("gold_reward", "Gold reward", "reward"),
    Column("gold_reward_gain", "Gain over π₀", "gain"),
    Column("reward", "Reward-model reward", "reward"),
    Column("win_rate", "Win rate over π₀", "share"),
    Column("response_chars", "Response, characters", "chars"),
    Column("length_correlation", "Reward–length correlation", "reward"),
    Column("truncated", "Cut at the limit", "share"),
)
ITERATIONS = (
    Column("iteration", "Iteration", "text"),
    Column("prompts", "Prompts", "count"),
    Column("responses", "Responses", "count"),
    Column("reward", "Reward", "reward"),
    Column("response_chars", "Response, characters", "chars"),
    Column("truncated", "Cut at the limit", "share"),
    Column("pairs", "Pairs", "count"),
    Column("chosen_chars", "Chosen, characters", "chars"),
    Column("rejected_chars", "Rejected, characters", "chars"),
    Column("margin", "Mean margin", "reward"),
)
LENGTH_BIAS = (
    Column("iteration", "Iteration", "text"),
    Column("judge", "Judge", "text"),
    Column("prompts", "Prompts", "count"),
    Column("undefined_prompts", "Undefined, prompts", "count"),
    Column("length_correlation", "Reward–length correlation", "reward"),
    Column("longest_wins", "Longest wins", "share"),
    Column("longest_by_chance", "By chance", "share"),
    Column("balancing_penalty", "λ that balances", "penalty"),
)
HACKING = (
    Column("policy", "Policy", "text"),
    Column("kl", "KL to π₀, nats", "reward"),
    Column("reward", "Reward (proxy)", "reward"),
    Column("gold_reward", "Gold reward", "reward"),
    Column("preference", "Second judge", "share"),
    Column("distinct_1", "Distinct words", "share"),
    Column("distinct_2", "Distinct word pairs", "share"),
    Column("repetition", "Repetition", "share"),
    Column("response_chars", "Response, characters", "chars"),
    Column("truncated", "Cut at the limit", "share"),
    Column("refused", "Refusals", "share"),
)
CLEANING = (
    Column("source", "Source", "text"),
    Column("rule", "Rule", "text"),
    Column("rows", "Rows", "count"),
)
FORMATS = {
    "text": "{}",
    "count": "{:,}",
    "reward": "{:.3f}",
    "gain": "{:+.3f}",
    "share": "{:.1%}",
    "chars": "{:.1f}",
    "penalty": "{:.5f}",
}


def shown(value: Any, kind: str) -> str:
    """`value` in the digits that its kind bears; a dash where it is unknown."""
    if value is None:
        return UNKNOWN
    text = FORMATS[kind].format(value)
    return text if kind == "text" else text.replace("-", "−")


def interval(row: Mapping[str, Any], name: str, kind: str) -> str:
    """The 95 % interval of a row's figure, or nothing where the row has none."""
    low, high = row.get(f"{name}_low"), row.get(f"{name}_high")
    return "" if low is None or high is None else f"{shown(low, kind)} to {shown(high, kind)}"


def render(
    *,
    profile: str,
    samples: int,
    chosen: Mapping[str, Any],
    policies: pl.DataFrame,
    training: Mapping[str, pl.DataFrame],
    reward: Mapping[str, Any],
    iterations: pl.DataFrame,
    length_bias: Mapping[str, Mapping[str, Mapping[str, Any]]],
    length_maps: Mapping[str, str],
    length_penalties: Mapping[str, pl.DataFrame],
    length_penalty: float,
    hacking: pl.DataFrame,
    cleaning: pl.DataFrame,
    examples: pl.DataFrame,
) -> str:
    """The page, as HTML text.

    `chosen` is `reports/chosen.json`, `reward` is `reports/reward.json`, `policies` begins with π₀, `training` holds
    each training's log; `iterations` and `examples` are the answers to the queries of those names. By iteration:
    `length_bias` (`reports/length_bias/`), its heatmaps as SVG texts (`length_maps`), and the pairs that penalties
    other than `length_penalty` would make. `hacking` is `reports/hacking.csv`.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("rlhf_data.reports", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(shown=shown, data_uri=data_uri)
    environment.globals.update(interval=interval)
    rows = policies.to_dicts()
    select_by = chosen["selected_by"]
    return environment.get_template("page.html.jinja").render(
        profile=profile,
        samples=samples,
        chosen=chosen,
        base=rows[0],
        policies=rows,
        policy_columns=(*POLICIES, Column(f"dev_{select_by}", f"Dev {select_by.replace('_', ' ')}", "reward")),
        reward=reward,
        iterations=iterations.to_dicts(),
        iteration_columns=ITERATIONS,
        length_bias=bias.table(length_bias),
        length_bias_charts=[_heatmap(iteration, length_bias[iteration], svg) for iteration, svg in length_maps.items()],
        penalty_charts=length_charts.penalties(length_penalties, length_penalty),
        hacking=hacking.to_dicts(),
        hacking_columns=HACKING,
        hacking_charts=charts.hacking(hacking),
        length_bias_columns=LENGTH_BIAS,
        cleaning=cleaning.to_dicts(),
        cleaning_columns=CLEANING,
        examples=examples.to_dicts(),
        policy_charts=charts.policies(policies),
        training_charts=charts.training(training),
        cleaning_chart=charts.cleaning(cleaning),
    )


def _heatmap(iteration: str, found: Mapping[str, Mapping[str, Any]], svg: str) -> charts.Figure:
    title = f"Correlation of reward and length, {iteration}"
    return charts.Figure(title, length_charts.alt_text(title, found), svg)


def data_uri(svg: str) -> str:
    """An SVG text as the address of an image."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
