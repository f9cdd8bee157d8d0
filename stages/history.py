"""The last history + this iteration's pairs + π₀ → all pairs so far, with reference log-probabilities."""

from pathlib import Path

from rlhf_data import cli, params
from rlhf_data.loop import history
from rlhf_data.schemas import LOGPS, History, Pairs
from rlhf_data.storage import fingerprints, journal, part_files, tables
from rlhf_data.training import trainers


def main(previous: Path, pairs: Path, reference: Path, iteration: str, out: Path) -> None:
    profile = params.load()
    section, policy = profile.history, profile.train_policy
    job = fingerprints.reference(reference, policy)
    for earlier in part_files.of(previous):
        history.refuse_other_reference(tables.read(earlier, History), job=job, path=earlier)
    wanted = history.referred(tables.read(pairs, Pairs), job=job)
    with journal.opened(out, History, job=job, on=history.REFERRED, values=LOGPS, fresh=section.fresh) as rows:
        logps = trainers.open_reference(policy, reference, batch_size=section.batch_size, work=rows.scratch)
        rows.keep(history.with_reference(rows.missing(wanted), logps, part_pairs=section.part_pairs))
        part = rows.fill(wanted).select(History.column_names())
        tables.write_parts([(iteration, part)], out, History, after=previous)


if __name__ == "__main__":
    cli.run(main)
