"""prompts + generations + a judge → its reward for each response."""

from pathlib import Path

from rlhf_data import cli, params
from rlhf_data.judges import reward_model, tournaments
from rlhf_data.judges.open import open_judge
from rlhf_data.loop import responses
from rlhf_data.schemas import Generations, Prompts, Rewards
from rlhf_data.storage import fingerprints, journal, tables


def main(prompts: Path, generations: Path, judge: str, model: Path, out: Path) -> None:
    profile = params.load()
    section, score, max_length = profile.judges[judge], profile.score, profile.train_reward.max_length
    asked, answered = tables.read(prompts, Prompts), tables.read(generations, Generations)
    if section.kind == "reward":
        job = fingerprints.scoring(model, score, max_length=max_length)
        wanted = responses.to_judge(answered, judge=judge, job=job)
    else:
        job = fingerprints.judging(model, section)
        wanted = tournaments.to_play(answered, judge=judge, job=job, ranking=section.ranking)

    with journal.opened(out, Rewards, job=job, on=responses.JUDGED, values=["reward"], fresh=score.fresh) as rows:
        if not (missing := rows.missing(wanted)).is_empty():
            if section.kind == "reward":
                scorer = reward_model.open_scorer(model, score, max_length=max_length)
                rows.keep(responses.judge(scorer, missing, asked, part_prompts=score.part_prompts))
            else:
                opened = open_judge(model, section, score=score, max_length=max_length)
                played = tournaments.played(
                    opened, missing, asked,
                    ranking=section.ranking, orders=section.orders, part_prompts=score.part_prompts,
                )  # fmt: skip
                rows.keep(played)
        tables.write(rows.fill(wanted).select(Rewards.column_names()), out, Rewards)


if __name__ == "__main__":
    cli.run(main)
