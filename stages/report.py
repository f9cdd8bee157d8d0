"""Every report and the iterations' tables → the table of policies, the policy that dev chooses, and a page to read."""

from pathlib import Path

from rlhf_data import cli, params
from rlhf_data.evaluation import selection
from rlhf_data.reports.page import render
from rlhf_data.sql import queries
from rlhf_data.storage import tables


def main(evaluate: Path, training: Path, cleaning: Path, reward: Path, length_bias: Path, length_penalty: Path,
         hacking: Path, generations: Path, rewards: Path, pairs: Path, policies: Path, chosen: Path,
         page: Path) -> None:  # fmt: skip
    project, profile = params.project(), params.load()
    figures, iterations = queries.figures(evaluate, project.policies), list(project.iterations)
    table, best = selection.policies(figures), selection.chosen(figures, profile.report.select_by)
    # params say which iterations count: the folders may hold those of an earlier, longer run too
    parts = {"generations": [generations / t for t in iterations]}
    parts["rewards"], parts["pairs"] = ([at / f"{t}.parquet" for t in iterations] for at in (rewards, pairs))
    html = render(
        profile=project.profile, samples=profile.generate.samples, chosen=best, policies=table,
        training=queries.curves(training, [*project.policies, "reward"]), reward=queries.figure(reward),
        iterations=queries.run("iterations", parts), length_bias=queries.figures(length_bias, iterations),
        length_maps={t: (length_bias / f"{t}.svg").read_text(encoding="utf8") for t in iterations},
        length_penalties=queries.curves(length_penalty, iterations), length_penalty=profile.pair.length_penalty,
        hacking=queries.curve(hacking), cleaning=queries.curve(cleaning),
        examples=queries.run("examples", {"pairs": parts["pairs"][-1]}, prompts=profile.report.examples),
    )  # fmt: skip
    tables.write_csv(table, policies)
    tables.write_json(best, chosen)
    tables.atomically(page, lambda partial: partial.write_text(html, encoding="utf8"))


if __name__ == "__main__":
    cli.run(main)
