"""Test responses of a policy and of π₀ + the second judge → its preference between them."""

from pathlib import Path

import polars as pl

from rlhf_data import cli, params
from rlhf_data.evaluation import drift
from rlhf_data.judges.open import open_judge
from rlhf_data.schemas import Evaluations, Prompts, SecondOpinions
from rlhf_data.storage import journal, tables


def main(prompts: Path, evaluations: Path, base: Path, judge: str, model: Path, out: Path) -> None:
    profile = params.load()
    opened = open_judge(model, profile.judges[judge], score=profile.score, max_length=profile.train_reward.max_length)
    asked, job = tables.read(prompts, Prompts), opened.fingerprint
    wanted = drift.against(tables.read(evaluations, Evaluations), tables.read(base, Evaluations), judge=judge, job=job)
    draws = drift.draws(wanted)
    differing = wanted.join(draws, on="prompt_id", how="anti", maintain_order="left")

    on, fresh = drift.COMPARED, profile.evaluate.fresh
    with journal.opened(out, SecondOpinions, job=job, on=on, values=drift.VERDICTS, fresh=fresh) as rows:
        if not (missing := rows.missing(differing)).is_empty():
            part = profile.score.part_prompts
            rows.keep(drift.with_verdicts(missing, asked, opened, opened.orders, part=part))
        table = pl.concat([rows.fill(differing), draws]).sort("prompt_id").select(SecondOpinions.column_names())
        tables.write(table, out, SecondOpinions)


if __name__ == "__main__":
    cli.run(main)
