"""The mix + reward model → its accuracy on held-out pairs, and the ceiling that label noise allows."""

from pathlib import Path

from rlhf_data import cli, params
from rlhf_data.evaluation import metrics
from rlhf_data.judges.reward_model import open_scorer
from rlhf_data.loop import responses
from rlhf_data.schemas import Preferences
from rlhf_data.storage import reports, tables


def main(mix: Path, reward_model: Path, report: Path) -> None:
    profile = params.load()
    pairs = tables.read(mix / "test.parquet", Preferences)

    scorer = open_scorer(reward_model, profile.score, max_length=profile.train_reward.max_length)
    both = [*responses.conversations(pairs, turn="chosen"), *responses.conversations(pairs, turn="rejected")]
    scores = scorer.score(both)  # at once: two sides share a prompt

    reports.write_json(metrics.reward_accuracy(pairs, scores[: pairs.height], scores[pairs.height :]), report)


if __name__ == "__main__":
    cli.run(main)
