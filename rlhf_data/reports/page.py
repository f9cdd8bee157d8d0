"""A run's figures, charts and example prompts → one HTML page that needs nothing else and runs nothing.

Responses are whatever a model wrote: every value is escaped, charts are images (nothing in an image can run), and
the page's own policy forbids scripts and every load.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import polars as pl

from rlhf_data.evaluation import length_bias as bias
from rlhf_data.reports import charts, length_charts, templates
from rlhf_data.storage.provenance import Made

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
JUDGES = (
    Column("judge", "Judge", "text"),
    Column("test", "Test", "text"),
    Column("pairs", "Pairs", "count"),
    Column("accuracy", "Accuracy", "share"),
    Column("consistency", "Same in both orders", "share"),
    Column("prefers_longer", "Prefers the longer", "share"),
    Column("prefers_first", "Prefers the first shown", "share"),
    Column("no_verdict", "No verdict", "count"),
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


@dataclass(frozen=True)
class Run:
    """What a page shows of a run: the reports' values, and answers to two queries."""

    profile: str
    made: Made
    scored_by: str  # whose rewards make pairs
    second_judge: str  # that no policy is trained on
    samples: int  # responses per prompt
    chosen: Mapping[str, Any]  # reports/chosen.json
    policies: pl.DataFrame  # reports/policies.csv, π₀ first
    training: Mapping[str, pl.DataFrame]  # the log of each training
    reward: Mapping[str, Any]  # reports/reward.json
    judges: pl.DataFrame  # reports/reward_tests.csv
    iterations: pl.DataFrame  # the answer to the query `iterations`
    length_bias: Mapping[str, Mapping[str, Mapping[str, Any]]]  # reports/length_bias, by iteration
    length_maps: Mapping[str, str]  # its heatmaps as SVG texts, by iteration
    length_penalties: Mapping[str, pl.DataFrame]  # the pairs that other penalties would make, by iteration
    length_penalty: float  # λ of the run
    hacking: pl.DataFrame  # reports/hacking.csv
    cleaning: pl.DataFrame  # reports/cleaning.csv
    answers: pl.DataFrame  # π₀'s and the chosen policy's: `selection.answers`
    examples: pl.DataFrame  # the answer to the query `examples`


def render(run: Run) -> str:
    """The page of a run, as HTML text."""
    environment = templates.environment("rlhf_data.reports", html=True)
    environment.filters.update(shown=shown, data_uri=data_uri)
    environment.globals.update(interval=interval)
    policies, select_by = run.policies.to_dicts(), run.chosen["selected_by"]
    drifted = run.hacking.to_dicts()
    return environment.get_template("page.html.jinja").render(
        profile=run.profile,
        made=run.made,
        scored_by=run.scored_by,
        second_judge=run.second_judge,
        samples=run.samples,
        chosen=run.chosen,
        base=policies[0],
        policies=policies,
        policy_columns=known(
            (*POLICIES, Column(f"dev_{select_by}", f"Dev {select_by.replace('_', ' ')}", "reward")), policies
        ),
        kl=next((row["kl"] for row in drifted if row["policy"] == run.chosen["policy"]), None),
        policy_charts=charts.policies(run.policies),
        training_charts=charts.training(run.training, _groups(run)),
        reward=run.reward,
        judges=(judged := run.judges.filter(pl.col("subset").is_null(), pl.col("category").is_null()).to_dicts()),
        judge_columns=known(JUDGES, judged),
        iterations=run.iterations.to_dicts(),
        iteration_columns=ITERATIONS,
        length_bias=bias.table(run.length_bias),
        length_bias_columns=LENGTH_BIAS,
        length_bias_charts=[_heatmap(name, run.length_bias[name], svg) for name, svg in run.length_maps.items()],
        penalty_chart=length_charts.penalties(run.length_penalties, run.length_penalty),
        hacking=drifted,
        hacking_columns=known(HACKING, drifted),
        hacking_charts=charts.hacking(run.hacking),
        cleaning=run.cleaning.to_dicts(),
        cleaning_columns=CLEANING,
        cleaning_chart=charts.cleaning(run.cleaning),
        answers=run.answers.to_dicts(),
        examples=run.examples.to_dicts(),
    )


def _groups(run: Run) -> dict[str, list[str]]:
    base, *later = run.policies["policy"]
    return {f"SFT of π₀ ({base})": [base], "Reward model": ["reward"], "DPO of each iteration": later}


def known(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]) -> list[Column]:
    """The columns of which some row has a value."""
    return [one for one in columns if any(row.get(one.name) is not None for row in rows)]


def _heatmap(iteration: str, found: Mapping[str, Mapping[str, Any]], svg: str) -> charts.Figure:
    title = f"Correlation of reward and length, {iteration}"
    return charts.Figure(title, length_charts.alt_text(title, found), svg)


def data_uri(svg: str) -> str:
    """An SVG text as the address of an image."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
