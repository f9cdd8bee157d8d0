"""All reports + the iterations' tables → the table of policies, the policy chosen on dev, and a page."""

from pathlib import Path
from typing import NamedTuple

from rlhf_data import cli, params
from rlhf_data.evaluation import selection
from rlhf_data.reports.page import Run, render
from rlhf_data.schemas import Evaluations, Prompts
from rlhf_data.sql import queries
from rlhf_data.storage import provenance, reports, tables
from rlhf_data.storage.atomic import atomically


class Paths(NamedTuple):
    """What the stage reads, and the three files that it writes."""

    evaluations: Path
    prompts: Path
    evaluate: Path
    training: Path
    cleaning: Path
    reward: Path
    judges: Path
    length_bias: Path
    length_penalty: Path
    hacking: Path
    generations: Path
    rewards: Path
    pairs: Path
    policies: Path
    chosen: Path
    page: Path


def main(at: Paths) -> None:
    project, profile = params.project(), params.load()
    figures, iterations = reports.figures(at.evaluate, project.policies), list(project.iterations)
    policies, best = selection.policies(figures), selection.chosen(figures, profile.report.select_by)
    # params say which iterations count: the folders may hold those of an earlier, longer run too
    parts = {"generations": [at.generations / t for t in iterations]}
    base, other = (
        tables.read(at.evaluations / f"{one}.parquet", Evaluations) for one in (project.policies[0], best["policy"])
    )
    parts["rewards"], parts["pairs"] = ([one / f"{t}.parquet" for t in iterations] for one in (at.rewards, at.pairs))
    run = Run(
        profile=project.profile,
        made=provenance.made(),
        scored_by=profile.combine_rewards.name,
        second_judge=project.second_judge,
        samples=profile.generate.samples,
        chosen=best,
        policies=policies,
        training=reports.curves(at.training, [*project.policies, "reward"]),
        reward=reports.figure(at.reward),
        judges=reports.curve(at.judges),
        iterations=queries.run("iterations", parts),
        length_bias=reports.figures(at.length_bias, iterations),
        length_maps={t: (at.length_bias / f"{t}.svg").read_text(encoding="utf8") for t in iterations},
        length_penalties=reports.curves(at.length_penalty, iterations),
        length_penalty=profile.pair.length_penalty,
        hacking=reports.curve(at.hacking),
        cleaning=reports.curve(at.cleaning),
        answers=selection.answers(tables.read(at.prompts, Prompts), base, other, most=profile.report.examples),
        examples=queries.run("examples", {"pairs": parts["pairs"][-1]}, prompts=profile.report.examples),
    )
    reports.write_csv(policies, at.policies)
    reports.write_json(best, at.chosen)
    html = render(run)
    atomically(at.page, lambda partial: partial.write_text(html, encoding="utf8"))


if __name__ == "__main__":
    cli.run(main)
