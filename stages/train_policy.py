"""History + the last policy → the next policy, by DPO against π₀."""

from pathlib import Path

from rlhf_data import cli, params
from rlhf_data.loop.history import in_scope, refuse_other_reference
from rlhf_data.schemas import History
from rlhf_data.storage import fingerprints, journal, reports, tables
from rlhf_data.storage.atomic import atomically
from rlhf_data.training import trainers


def main(history: Path, previous: Path, initial: Path, iteration: str, out: Path, log: Path) -> None:
    profile = params.load()
    section = profile.train_policy
    rows = tables.read(history, History)
    refuse_other_reference(rows, job=fingerprints.reference(initial, section), path=history)
    pairs = in_scope(rows, section.scope, params.number(iteration))
    init = previous if section.init == "previous" else initial

    with journal.folder(iteration, fingerprints.training(section, history, init, seed=profile.seed), of=out) as work:

        def train(folder: Path) -> None:
            steps = trainers.train_policy(section, pairs, init, seed=profile.seed, work=work, out=folder)
            reports.write_csv(steps, log)

        atomically(out, train)


if __name__ == "__main__":
    cli.run(main)
