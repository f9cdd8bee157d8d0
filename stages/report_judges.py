"""Verdicts of all judges → accuracy by judge, test and subset, beside baselines, and RewardBench's scores."""

from pathlib import Path

from rlhf_data import cli, params
from rlhf_data.evaluation import reward_tests
from rlhf_data.schemas import RewardTests, Verdicts
from rlhf_data.storage import reports, tables


def main(tests: Path, table: Path, report: Path) -> None:
    project, profile = params.project(), params.load()
    seed, resamples = profile.seed, profile.report.resamples
    pairs = tables.read(tests / "pairs.parquet", RewardTests)
    found = {judge: tables.read(tests / f"{judge}.parquet", Verdicts) for judge in project.tested}
    beside = reward_tests.baselines(pairs, seed=seed)
    ties = profile.benchmark_pairs.ties
    figures = reward_tests.figures(pairs, {**found, **beside}, ties=ties, resamples=resamples, seed=seed)
    reports.write_csv(figures, table)
    reports.write_json(reward_tests.scores(figures), report)


if __name__ == "__main__":
    cli.run(main)
