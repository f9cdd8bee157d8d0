"""Test responses of a policy → their log-probabilities under the policy and under π₀, in nats."""

from pathlib import Path

from rlhf_data import cli, params
from rlhf_data.evaluation import drift
from rlhf_data.schemas import Evaluations, LogProbabilities, Prompts
from rlhf_data.storage import fingerprints, journal, tables
from rlhf_data.training import logprobs


def main(prompts: Path, evaluations: Path, policy: Path, reference: Path, out: Path) -> None:
    profile = params.load()
    section, history = profile.train_policy, profile.history
    asked = tables.read(prompts, Prompts)
    job = fingerprints.logprobs(policy, reference, section)
    wanted = drift.answers(tables.read(evaluations, Evaluations), job=job)

    fresh = profile.evaluate.fresh
    with journal.opened(out, LogProbabilities, job=job, on=drift.ASKED, values=drift.LOGPS, fresh=fresh) as rows:
        if not (missing := rows.missing(wanted)).is_empty():
            models = {
                path: logprobs.open_model(
                    path, precision=section.precision, attention=section.attention, batch_size=history.batch_size
                )
                for path in {policy, reference}
            }
            found = drift.with_logps(missing, asked, models[policy], models[reference], part=history.part_pairs)
            rows.keep(found)
        tables.write(rows.fill(wanted).select(LogProbabilities.column_names()), out, LogProbabilities)


if __name__ == "__main__":
    cli.run(main)
