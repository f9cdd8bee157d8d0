"""prompts + generations + reward model → each response's reward."""

from pathlib import Path

from rlhf_data import cli, jobs, params, responses, scorers, tables
from rlhf_data.schemas import Generations, Prompts, Rewards


def main(prompts: Path, generations: Path, reward_model: Path, out: Path) -> None:
    profile = params.load()
    rows = responses.with_prompts(tables.read(generations, Generations), tables.read(prompts, Prompts))

    scorer = scorers.open_scorer(reward_model, profile.score, max_length=profile.train_reward.max_length)
    scores = scorer.score(responses.conversations(rows, turn="response"))
    job = jobs.scoring(reward_model, profile.score, max_length=profile.train_reward.max_length)
    rewards = responses.with_rewards(rows, scores, job=job)

    tables.write(rewards.select(Rewards.column_names()), out, Rewards)


if __name__ == "__main__":
    cli.run(main)
