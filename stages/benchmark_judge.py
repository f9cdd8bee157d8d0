"""test comparisons + a judge → its verdict on each, in both orders where order can count."""

from pathlib import Path
from typing import Literal

from rlhf_data import cli, params
from rlhf_data.evaluation import reward_tests
from rlhf_data.judges.open import open_judge
from rlhf_data.schemas import RewardTests, Verdicts
from rlhf_data.storage import fingerprints, journal, tables


def main(pairs: Path, judge: str, model: Path, out: Path) -> None:
    profile = params.load()
    section, tests, score = profile.judges[judge], profile.benchmark_pairs, profile.score
    max_length = profile.train_reward.max_length
    orders: Literal["both", "one"] = "one"
    if section.kind == "reward":  # to which the order is nothing
        job = fingerprints.scoring(model, score, max_length=max_length)
    else:
        orders, job = section.orders, fingerprints.judging(model, section)
    wanted = reward_tests.wanted(tables.read(pairs, RewardTests), judge=judge, job=job)

    on, values = reward_tests.DECIDES, reward_tests.GIVEN
    with journal.opened(out, Verdicts, job=job, on=on, values=values, fresh=tests.fresh) as rows:
        if not (missing := rows.missing(wanted)).is_empty():
            opened = open_judge(model, section, score=score, max_length=max_length)
            rows.keep(reward_tests.verdicts(opened, missing, orders=orders, part_pairs=tests.part_pairs))
        tables.write(rows.fill(wanted).select(Verdicts.column_names()), out, Verdicts)


if __name__ == "__main__":
    cli.run(main)
