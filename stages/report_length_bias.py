"""Generations + rewards → correlation of reward and length by judge, and a sweep of the length penalty."""

from functools import partial
from itertools import starmap
from pathlib import Path

from rlhf_data import cli, params
from rlhf_data.evaluation import length_bias, length_penalty, metrics
from rlhf_data.loop import pairs
from rlhf_data.reports import length_charts
from rlhf_data.schemas import Generations, Rewards
from rlhf_data.sql import queries
from rlhf_data.storage import part_files, reports, tables
from rlhf_data.storage.atomic import atomically


def main(generations: Path, scores: Path, rewards: Path, report: Path, heatmap: Path, curve: Path, sweep: Path) -> None:
    profile = params.load()
    section = profile.length_bias
    # the rewards that rank are an ensemble's, or one judge's once more
    judged: dict[str, queries.Source] = {"generations": generations, "scores": [*part_files.of(scores), rewards]}
    by_prompt = queries.run("length_bias", judged)
    found = length_bias.summary(by_prompt)
    cells = length_bias.cells(by_prompt, length_bins=section.length_bins, correlation_bins=section.correlation_bins)
    drawn = length_charts.heatmap(cells, found, title=f"Correlation of reward and length, {report.stem}")
    reports.write_json(found, report)
    atomically(heatmap, partial(Path.write_text, data=drawn.svg, encoding="utf8"))
    reports.write_csv(metrics.rounded(queries.run("reward_curve", judged, bins=section.length_bins)), curve)
    parts = tables.side_by_side((generations, Generations), (rewards, Rewards), rows=pairs.ROWS)
    tried = length_penalty.sweep(
        starmap(pairs.with_rewards, parts),
        length_penalty.penalties(section.penalty_low, section.penalty_high, section.penalties),
        **vars(profile.pair),
    )
    reports.write_csv(metrics.rounded(tried), sweep)


if __name__ == "__main__":
    cli.run(main)
