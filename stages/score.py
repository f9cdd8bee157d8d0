"""prompts + generations + reward model → each response's reward."""

from pathlib import Path

from rlhf_data import cli, jobs, journal, params, responses, scorers, tables
from rlhf_data.schemas import Generations, Prompts, Rewards


def main(prompts: Path, generations: Path, reward_model: Path, out: Path) -> None:
    profile = params.load()
    section, max_length = profile.score, profile.train_reward.max_length
    asked = tables.read(prompts, Prompts)
    job = jobs.scoring(reward_model, section, max_length=max_length)
    wanted = responses.to_judge(tables.read(generations, Generations), job=job)

    with journal.opened(out, Rewards, job=job, on=responses.JUDGED, values=["reward"], fresh=section.fresh) as rows:
        if not (missing := rows.missing(wanted)).is_empty():
            scorer = scorers.open_scorer(reward_model, section, max_length=max_length)
            rows.keep(responses.judge(scorer, missing, asked, part_prompts=section.part_prompts))
        tables.write(rows.fill(wanted).select(Rewards.column_names()), out, Rewards)


if __name__ == "__main__":
    cli.run(main)
