"""Evaluations of a policy and of π₀ → its figures on test, and on dev, where the best policy is chosen."""

from pathlib import Path

from rlhf_data import cli, params
from rlhf_data.evaluation import metrics
from rlhf_data.schemas import Evaluations
from rlhf_data.storage import reports, tables


def main(evaluations: Path, base: Path, report: Path) -> None:
    profile = params.load()
    ours, theirs = tables.read(evaluations, Evaluations), tables.read(base, Evaluations)

    test, dev = (
        metrics.compare(ours, theirs, split=split, resamples=profile.report.resamples, seed=profile.seed)
        for split in ("test", "dev")
    )

    reports.write_json({**test, "dev": dev}, report)


if __name__ == "__main__":
    cli.run(main)
