"""Evaluations + log-probabilities + second opinions → reward hacking, by policy."""

from pathlib import Path

import polars as pl

from rlhf_data import cli, params
from rlhf_data.evaluation import drift, metrics
from rlhf_data.sql import queries
from rlhf_data.storage import reports


def main(evaluations: Path, logprobs: Path, second_opinions: Path, report: Path) -> None:
    section, found = params.load().hacking, []
    for policy in params.project().policies:
        theirs = {"evaluations": evaluations, "logprobs": logprobs, "second_opinions": second_opinions}
        answer = queries.run(
            "hacking", {table: folder / f"{policy}.parquet" for table, folder in theirs.items()}, split=drift.SPLIT,
            repetition_words=section.repetition_words, refusals=section.refusals,
        )  # fmt: skip
        found.append(answer.select(pl.lit(policy).alias("policy"), pl.all()))
    reports.write_csv(metrics.rounded(pl.concat(found, how="vertical_relaxed")), report)


if __name__ == "__main__":
    cli.run(main)
