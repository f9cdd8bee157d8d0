"""The mix + π₀ → the history before iteration 1: the offline pairs of hybrid learning, none by default."""

from pathlib import Path

import polars as pl

from rlhf_data import cli, notes, params
from rlhf_data.cleaning import rejects as refused
from rlhf_data.loop import history
from rlhf_data.loop.pairs import TOO_LONG
from rlhf_data.models import tokenizers
from rlhf_data.schemas import LOGPS, History, MixRejects, Preferences
from rlhf_data.storage import fingerprints, journal, tables
from rlhf_data.training import trainers


def main(mix: Path, reference: Path, out: Path, rejects: Path) -> None:
    profile = params.load()
    section, policy = profile.history, profile.train_policy
    pairs, long = history.offline_pairs(
        tables.read(mix / "train.parquet", Preferences),
        pairs=profile.offline_history.pairs,
        fits=tokenizers.fitting(reference, max_length=policy.max_length),
    )
    notes.say(f"{pairs.height} offline pairs, dropped {long.height} ({TOO_LONG})")
    dropped = long.with_columns(rule=pl.lit(TOO_LONG), detail=pl.format("beyond {} tokens", policy.max_length))
    tables.write(refused.of_pairs(dropped, mix=mix.name), rejects, MixRejects)
    job = fingerprints.reference(reference, policy)
    wanted = history.referred(pairs, job=job)
    with journal.opened(out, History, job=job, on=history.REFERRED, values=LOGPS, fresh=section.fresh) as rows:
        logps = trainers.open_reference(policy, reference, batch_size=section.batch_size, work=rows.scratch)
        rows.keep(history.with_reference(rows.missing(wanted), logps, part_pairs=section.part_pairs))
        tables.write_parts([("iter0", rows.fill(wanted).select(History.column_names()))], out, History)


if __name__ == "__main__":
    cli.run(main)
