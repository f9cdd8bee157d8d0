"""Prompts + generations + a judge → one reward per response."""

from pathlib import Path

from rlhf_data import cli, params
from rlhf_data.judges.open import open_judge
from rlhf_data.loop import responses
from rlhf_data.schemas import Generations, Prompts, Rewards
from rlhf_data.storage import journal, tables


def main(prompts: Path, generations: Path, judge: str, model: Path, out: Path) -> None:
    profile = params.load()
    section, max_length = profile.score, profile.train_reward.max_length
    opened = open_judge(model, profile.judges[judge], score=section, max_length=max_length)
    asked, answered = tables.read(prompts, Prompts), tables.read(generations, Generations)
    wanted = opened.wanted(answered, judge=judge)

    job, on = opened.fingerprint, responses.JUDGED
    with journal.opened(out, Rewards, job=job, on=on, values=["reward"], fresh=section.fresh) as rows:
        if not (missing := rows.missing(wanted)).is_empty():
            rows.keep(opened.rewards(missing, asked, part_prompts=section.part_prompts))
        tables.write(rows.fill(wanted).select(Rewards.column_names()), out, Rewards)


if __name__ == "__main__":
    cli.run(main)
