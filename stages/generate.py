"""Prompts + policy → K responses per prompt, as Parquet parts."""

from pathlib import Path

from rlhf_data import cli, params
from rlhf_data.generation.open import open_generator, refuse_long
from rlhf_data.loop import responses
from rlhf_data.schemas import Generations, Prompts
from rlhf_data.storage import fingerprints, journal, tables


def main(prompts: Path, policy: Path, iteration: str, out: Path) -> None:
    profile = params.load()
    section = profile.generate
    asked = tables.read(prompts, Prompts)
    job = fingerprints.generation(policy, section)
    wanted = responses.wanted(
        asked, samples=section.samples, temperatures=section.temperatures, seed=profile.seed, job=job
    )

    with journal.opened(
        out, Generations, job=job, on=responses.ASKED, values=responses.ANSWERED, fresh=section.fresh
    ) as rows:
        if not (missing := rows.missing(wanted)).is_empty():
            refuse_long(policy, section, asked["prompt"].to_list())
            engine = open_generator(policy, section)
            rows.keep(responses.answer(engine, missing, asked, part=section.part_prompts * section.samples))
        number, parts = params.number(iteration), responses.parts(wanted, prompts=section.part_prompts)
        filled = ((name, responses.generations(rows.fill(part), iteration=number)) for name, part in parts.items())
        tables.write_parts(filled, out, Generations)


if __name__ == "__main__":
    cli.run(main)
