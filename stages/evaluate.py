"""Held-out prompts + policy + reward model → one response per prompt, with its reward and gold reward."""

from pathlib import Path

from rlhf_data import cli, params
from rlhf_data.evaluation import gold
from rlhf_data.generation.open import open_generator, refuse_long
from rlhf_data.judges.reward_model import open_scorer
from rlhf_data.loop import evaluations, responses
from rlhf_data.schemas import Evaluations, Prompts
from rlhf_data.storage import fingerprints, journal, tables


def main(prompts: Path, policy: Path, reward_model: Path, out: Path) -> None:
    profile = params.load()
    section = profile.generate
    held_out = evaluations.held_out(
        {split: tables.read(prompts / f"{split}.parquet", Prompts) for split in ("dev", "test")}
    )
    job, temperatures = fingerprints.generation(policy, section), [profile.evaluate.temperature]
    wanted = responses.wanted(held_out, samples=1, temperatures=temperatures, seed=profile.seed, job=job)

    on, fresh = evaluations.ASKED, profile.evaluate.fresh
    with journal.opened(out, Evaluations, job=job, on=on, values=responses.ANSWERED, fresh=fresh) as rows:
        if not (missing := rows.missing(wanted)).is_empty():
            refuse_long(policy, section, held_out["prompt"].to_list())
            engine = open_generator(policy, section)
            rows.keep(responses.answer(engine, missing, held_out, part=section.part_prompts))
        answered = responses.with_prompts(rows.fill(wanted), held_out)

        scorer = open_scorer(reward_model, profile.score, max_length=profile.train_reward.max_length)
        scores = scorer.score(responses.conversations(answered, turn="response"))
        scored = responses.with_rewards(answered, scores)
        tables.write(evaluations.with_gold(scored, held_out, gold.by_source(profile.ingest.sources)), out, Evaluations)


if __name__ == "__main__":
    cli.run(main)
