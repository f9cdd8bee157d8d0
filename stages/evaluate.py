"""held-out prompts + policy + reward model → one response to each, with its reward and its gold reward."""

from pathlib import Path

from rlhf_data import cli, evaluations, generators, jobs, params, responses, scorers, tables
from rlhf_data.schemas import Evaluations, Prompts
from rlhf_data.world import gold


def main(prompts: Path, policy: Path, reward_model: Path, out: Path) -> None:
    profile = params.load()
    held_out = evaluations.held_out(
        {split: tables.read(prompts / f"{split}.parquet", Prompts) for split in ("dev", "test")}
    )
    temperature = profile.evaluate.temperature
    wanted = responses.wanted(held_out, samples=1, seed=profile.seed)

    engine = generators.open_generator(policy, profile.generate, temperature=temperature)
    answered = responses.with_responses(wanted, responses.collect(engine, wanted))
    scorer = scorers.open_scorer(reward_model, profile.score, max_length=profile.train_reward.max_length)
    scores = scorer.score(responses.conversations(answered, turn="response"))

    job = jobs.generation(policy, profile.generate, temperature=temperature)
    scored = responses.with_rewards(answered, scores, job=job)
    tables.write(evaluations.with_gold(scored, held_out, gold.of), out, Evaluations)


if __name__ == "__main__":
    cli.run(main)
