"""the mix + π₀ → the history before iteration 1: the offline pairs of hybrid learning, none by default."""

from pathlib import Path

from rlhf_data import cli, histories, jobs, params, tables, trainers
from rlhf_data.schemas import History, Preferences


def main(mix: Path, reference: Path, out: Path) -> None:
    profile = params.load()
    section = profile.train_policy
    pairs = histories.offline_pairs(tables.read(mix / "train.parquet", Preferences), pairs=profile.offline.pairs)

    work, batch_size = tables.JOURNAL / "reference", profile.history.batch_size
    logps = trainers.reference_logps(section, pairs, reference, batch_size=batch_size, work=work)
    part = histories.with_reference(pairs, logps, job=jobs.reference(reference, section))

    tables.write_parts({"iter0": part}, out, History)


if __name__ == "__main__":
    cli.run(main)
