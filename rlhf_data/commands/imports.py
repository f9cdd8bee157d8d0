"""`rlhf-data import`: records of another tool as our tables."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Annotated, Literal

import typer
from tqdm import tqdm

from rlhf_data import params
from rlhf_data.sharing import exchange, placing
from rlhf_data.sources import readers
from rlhf_data.storage import fingerprints


def iteration_name(value: str) -> str:
    """`iter1` to `iter255`, as the paths of tables have it."""
    if not re.fullmatch(r"iter[1-9]\d{0,2}", value) or params.number(value) > 255:
        raise typer.BadParameter(f"{value!r} is no iteration; they are iter1, iter2, …")
    return value


def judge_name(value: str) -> str:
    """A name that a file can have."""
    if not re.fullmatch(r"[A-Za-z0-9][\w.+-]{0,99}", value):
        raise typer.BadParameter(f"{value[:40]!r}: letters, digits, and _ . + - between them")
    return value


def main(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON lines, a JSON array, CSV or Parquet.")],
    iteration: Annotated[str, typer.Option(callback=iteration_name, help="Which iteration it is, as iter1.")],
    finish_reason: Annotated[
        Literal["stop", "length"], typer.Option(help="How its responses ended, which the file does not say.")
    ],
    out: Annotated[Path, typer.Option(help="The folder of the tables; data is the project's own.")],
    layout: Annotated[Literal["responses_rewards"], typer.Option("--format")] = "responses_rewards",
    judge: Annotated[str, typer.Option(callback=judge_name, help="Who gave the rewards.")] = "imported",
) -> None:
    """Make the tables prompts, generations, scores and rewards of a file with a record per prompt.

    Records that cannot be used go to rejects, each with its rule. What such a file does not say is null: the responses'
    tokens, temperatures and seeds. `job` is the file's hash.
    """
    paths = placing.paths(out, iteration, judge=judge, source=file.stem)
    placing.refuse_present(paths, out, iteration)
    left = Counter[str]()
    made = exchange.from_scored_records(
        tqdm(readers.records(file), desc=file.name, unit=" records", disable=None),
        iteration=params.number(iteration),
        finish_reason=finish_reason,
        judge=judge,
        job=readers.sha256(file)[: fingerprints.HEX_DIGITS],
        source=file.stem,
        left=left,
    )
    placing.place(made, paths, out, iteration)
    print(f"{paths['prompts']}: {made['prompts'].height} prompts")
    print(f"{paths['generations']}, {paths['rewards']}, {paths['scores']}: {made['rewards'].height} responses")
    for (rule,), rows in made["rejects"].partition_by("rule", as_dict=True, maintain_order=True).items():
        print(f"{paths['rejects']}: {rows.height} records dropped: {rule}, the first: {rows['detail'][0]}")
    for name, times in sorted(left.items()):
        print(f"{file.name}: field {name} is not read ({times} records)")
    print("the file does not say, so null: prompt_tokens, response_tokens, temperature, seed")
