"""prompts + policy → K responses to each prompt, as Parquet parts."""

from pathlib import Path

from rlhf_data import cli, generators, jobs, params, responses, tables
from rlhf_data.schemas import Generations, Prompts


def main(prompts: Path, policy: Path, iteration: str, out: Path) -> None:
    profile = params.load()
    section = profile.generate
    wanted = responses.wanted(tables.read(prompts, Prompts), samples=section.samples, seed=profile.seed)

    engine = generators.open_generator(policy, section, temperature=section.temperature)
    answered = responses.with_responses(wanted, responses.collect(engine, wanted))

    job = jobs.generation(policy, section, temperature=section.temperature)
    rows = responses.generations(answered, iteration=params.number(iteration), temperature=section.temperature, job=job)
    tables.write_parts(responses.parts(rows, prompts=section.part_prompts), out, Generations)


if __name__ == "__main__":
    cli.run(main)
