"""`rlhf-data ask`: runs a named query over the project's tables."""

from __future__ import annotations

from typing import Annotated

import typer

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
    """Run a named query, one of those that `rlhf-data queries` lists."""
    statement = statements.one(queries.text(name))
    form, values = answers.chosen(project, written, out), answers.parameters(param)
    statements.matched([statement], values)
    answers.give(project, statement, values, at=at, written=form, out=out, limit=limit)
