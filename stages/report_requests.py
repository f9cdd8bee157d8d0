"""Answers to requests with constraints → what each policy keeps of them, by kind, and at what cost."""

from pathlib import Path

import polars as pl

from rlhf_data import cli, params
from rlhf_data.evaluation import constraints, metrics
from rlhf_data.schemas import Evaluations, LogProbabilities, Prompts
from rlhf_data.storage import reports, tables


def main(prompts: Path, evaluations: Path, logprobs: Path, report: Path, kinds: Path) -> None:
    profile, policies = params.load(), params.project().policies
    asked = tables.read(prompts, Prompts)
    found = {
        policy: constraints.answered(
            tables.read(evaluations / f"{policy}.parquet", Evaluations),
            tables.read(logprobs / f"{policy}.parquet", LogProbabilities),
            asked,
        )
        for policy in policies
    }
    base, drawn = found[policies[0]], {"resamples": profile.report.resamples, "seed": profile.seed}
    figures = [constraints.figures(policy, rows, base, **drawn) for policy, rows in found.items()]
    kept = [constraints.kept(policy, rows) for policy, rows in found.items()]
    reports.write_csv(metrics.rounded(pl.concat(figures, how="vertical_relaxed")), report)
    reports.write_csv(metrics.rounded(pl.concat(kept)), kinds)


if __name__ == "__main__":
    cli.run(main)
