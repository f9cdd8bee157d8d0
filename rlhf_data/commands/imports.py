"""`rlhf-data import`: records of another tool as our tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from rlhf_data import params
from rlhf_data.commands.projects import refuse_unless_new
from rlhf_data.schemas import Generations, Prompts, Rewards
from rlhf_data.sharing import exchange
from rlhf_data.sources import readers
from rlhf_data.storage import fingerprints, tables


def main(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON lines, a JSON array or Parquet.")],
    iteration: Annotated[str, typer.Option(help="Which iteration it is, as iter1.")],
    finish_reason: Annotated[
        Literal["stop", "length"], typer.Option(help="How its responses ended, which the file does not say.")
    ],
    out: Annotated[Path, typer.Option(help="The folder of the tables; data is the project's own.")],
    layout: Annotated[Literal["responses_rewards"], typer.Option("--format")] = "responses_rewards",
    judge: Annotated[str, typer.Option(help="Who gave the rewards.")] = "imported",
) -> None:
    """Make the tables prompts, generations and rewards of a file with a record per prompt.

    What such a file does not say is null: the responses' tokens, temperatures and seeds. `job` is the file's hash.
    """
    prompts, generations, rewards = (out / name / iteration for name in ("prompts", "generations", "rewards"))
    prompts, rewards = prompts.with_suffix(".parquet"), rewards.with_suffix(".parquet")
    for path in (prompts, generations, rewards):
        refuse_unless_new(path)
    made = exchange.from_scored_records(
        readers.records(file),
        iteration=params.number(iteration),
        finish_reason=finish_reason,
        judge=judge,
        job=readers.sha256(file)[: fingerprints.HEX_DIGITS],
        source=file.stem,
    )
    tables.write(made["prompts"], prompts, Prompts)
    tables.write_parts([("part-00000", made["generations"])], generations, Generations)
    tables.write(made["rewards"], rewards, Rewards)
    print(f"{prompts}: {made['prompts'].height} prompts; {generations}, {rewards}: {made['rewards'].height} responses")
    print("the file does not say, so null: prompt_tokens, response_tokens, temperature, seed")
