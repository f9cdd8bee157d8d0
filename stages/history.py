"""the last history + this iteration's pairs + π₀ → all pairs so far, each with its reference log-probabilities."""

from pathlib import Path

from rlhf_data import cli, histories, jobs, journal, params, tables, trainers
from rlhf_data.schemas import LOGPS, History, Pairs


def main(previous: Path, pairs: Path, reference: Path, iteration: str, out: Path) -> None:
    profile = params.load()
    section, policy = profile.history, profile.train_policy
    job = jobs.reference(reference, policy)
    wanted = histories.referred(tables.read(pairs, Pairs), job=job)
    work = tables.JOURNAL / "reference"
    logps = trainers.open_reference(policy, reference, batch_size=section.batch_size, work=work)

    with journal.opened(out, History, job=job, on=histories.REFERRED, values=LOGPS, fresh=section.fresh) as rows:
        rows.keep(histories.with_reference(rows.missing(wanted), logps, part_pairs=section.part_pairs))
        part = rows.fill(wanted).select(History.column_names())
        tables.write_parts([(iteration, part)], out, History, after=previous)


if __name__ == "__main__":
    cli.run(main)
