"""`rlhf-data ask`: runs a named query over the project's tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rlhf_data import params
from rlhf_data.commands import answers
from rlhf_data.commands.projects import Project
from rlhf_data.sql import queries, statements


def main(
    project: Project,
    name: Annotated[str, typer.Argument(help="As `rlhf-data queries` lists it.")],
    at: answers.At,
    param: answers.Given,
    written: answers.Written = None,
    out: answers.Out = None,
    limit: answers.Limit = None,
) -> None:
    """Run a named query, one of those that `rlhf-data queries` lists.

    A $parameter that is not given has the value with which the profile's reports ask.
    """
    statement = statements.one(queries.text(name))
    form, values = answers.chosen(project, written, out), answers.parameters(param)
    if absent := set(statement.parameters) - values.keys():
        values |= {one: value for one, value in usual(project).items() if one in absent}
    statements.matched([statement], values)
    answers.give(project, statement, values, at=at, written=form, out=out, limit=limit)


def usual(project: Path) -> dict[str, Any]:
    """The values of the named queries' parameters, as the stages that report ask them."""
    profile = params.load(project)
    return {
        "split": "test",
        "prompts": profile.report.examples,
        "bins": profile.length_bias.length_bins,
        "repetition_words": profile.hacking.repetition_words,
        "refusals": list(profile.hacking.refusals),
    }
