"""Every report and the iterations' tables → the table of policies, the policy that dev chooses, and a page to read."""

from pathlib import Path

from rlhf_data import cli, pages, params, queries, selection, tables


def main(evaluate: Path, training: Path, cleaning: Path, reward: Path, generations: Path, rewards: Path, pairs: Path,
         policies: Path, chosen: Path, page: Path) -> None:  # fmt: skip
    project, profile = params.project(), params.load()
    figures = queries.figures(evaluate, project.policies)
    table, best = selection.policies(figures), selection.chosen(figures, profile.report.select_by)
    # params say which iterations count: the folders may hold those of an earlier, longer run too
    parts = {"generations": [generations / t for t in project.iterations]}
    parts["rewards"], parts["pairs"] = ([at / f"{t}.parquet" for t in project.iterations] for at in (rewards, pairs))
    html = pages.page(
        profile=project.profile, samples=profile.generate.samples, chosen=best, policies=table,
        training=queries.curves(training, [*project.policies, "reward"]), reward=queries.figure(reward),
        iterations=queries.run("iterations", parts), length_bias=queries.run("length_bias", parts),
        examples=queries.run("examples", {"pairs": parts["pairs"][-1]}, prompts=profile.report.examples),
        cleaning=queries.curve(cleaning),
    )  # fmt: skip
    tables.write_csv(table, policies)
    tables.write_json(best, chosen)
    tables.atomically(page, lambda partial: partial.write_text(html, encoding="utf8"))


if __name__ == "__main__":
    cli.run(main)
