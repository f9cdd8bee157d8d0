"""the last history + this iteration's pairs + π₀ → all pairs so far, each with its reference log-probabilities."""

from pathlib import Path

from rlhf_data import cli, histories, jobs, params, tables, trainers
from rlhf_data.schemas import History, Pairs


def main(previous: Path, pairs: Path, reference: Path, iteration: str, out: Path) -> None:
    profile = params.load()
    section = profile.train_policy
    new = tables.read(pairs, Pairs)

    work, batch_size = tables.JOURNAL / "reference", profile.history.batch_size
    logps = trainers.reference_logps(section, new, reference, batch_size=batch_size, work=work)
    part = histories.with_reference(new, logps, job=jobs.reference(reference, section))

    tables.write_parts({**tables.read_parts(previous, History), iteration: part}, out, History)


if __name__ == "__main__":
    cli.run(main)
