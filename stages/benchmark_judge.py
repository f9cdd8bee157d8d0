"""Test comparisons + a judge → its verdict on each, in both orders."""

from pathlib import Path

from rlhf_data import cli, params
from rlhf_data.evaluation import reward_tests
from rlhf_data.judges.open import open_judge
from rlhf_data.schemas import RewardTests, Verdicts
from rlhf_data.storage import journal, tables


def main(pairs: Path, judge: str, model: Path, out: Path) -> None:
    profile = params.load()
    section, max_length = profile.benchmark_pairs, profile.train_reward.max_length
    opened = open_judge(model, profile.judges[judge], score=profile.score, max_length=max_length)
    wanted = reward_tests.wanted(tables.read(pairs, RewardTests), judge=judge, job=opened.fingerprint)

    job, on, values = opened.fingerprint, reward_tests.DECIDES, reward_tests.GIVEN
    with journal.opened(out, Verdicts, job=job, on=on, values=values, fresh=section.fresh) as rows:
        if not (missing := rows.missing(wanted)).is_empty():
            rows.keep(reward_tests.verdicts(opened, missing, orders=opened.orders, part_pairs=section.part_pairs))
        tables.write(rows.fill(wanted).select(Verdicts.column_names()), out, Verdicts)


if __name__ == "__main__":
    cli.run(main)
