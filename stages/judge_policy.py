"""one policy's evaluations + π₀'s + a judge that trained no policy → whose test answers that judge prefers."""

from pathlib import Path

import polars as pl

from rlhf_data import cli, params
from rlhf_data.evaluation import drift
from rlhf_data.judges.open import open_judge
from rlhf_data.schemas import Evaluations, Prompts, SecondOpinions
from rlhf_data.storage import fingerprints, journal, tables


def main(prompts: Path, evaluations: Path, base: Path, judge: str, model: Path, out: Path) -> None:
    profile = params.load()
    section, score, max_length = profile.judges[judge], profile.score, profile.train_reward.max_length
    asked = tables.read(prompts, Prompts)
    if section.kind == "reward":
        job = fingerprints.scoring(model, score, max_length=max_length)
    else:
        job = fingerprints.judging(model, section)
    wanted = drift.against(tables.read(evaluations, Evaluations), tables.read(base, Evaluations), judge=judge, job=job)
    draws = drift.draws(wanted)
    differing = wanted.join(draws, on="prompt_id", how="anti", maintain_order="left")

    on, fresh = drift.COMPARED, profile.evaluate.fresh
    with journal.opened(out, SecondOpinions, job=job, on=on, values=drift.VERDICTS, fresh=fresh) as rows:
        if not (missing := rows.missing(differing)).is_empty():
            opened = open_judge(model, section, score=score, max_length=max_length)
            orders = "one" if section.kind == "reward" else section.orders  # the order is nothing to a reward model
            rows.keep(drift.with_verdicts(missing, asked, opened, orders, part=score.part_prompts))
        table = pl.concat([rows.fill(differing), draws]).sort("prompt_id").select(SecondOpinions.column_names())
        tables.write(table, out, SecondOpinions)


if __name__ == "__main__":
    cli.run(main)
