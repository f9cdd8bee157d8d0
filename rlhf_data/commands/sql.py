"""`rlhf-data sql`: SQL over every table, now and at any revision."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from rlhf_data.commands import answers
from rlhf_data.commands.projects import Project, refuse_unless_new
from rlhf_data.sql import catalog, statements


def main(
    project: Project,
    at: answers.At,
    param: answers.Given,
    query: Annotated[str | None, typer.Argument(help="One or more statements; without it, a prompt or stdin.")] = None,
    file: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="A file of SQL instead.")] = None,
    written: answers.Written = None,
    out: answers.Out = None,
    limit: answers.Limit = None,
    write: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Put a catalogue of views in a new file, for plain duckdb."),
    ] = None,
) -> None:
    """Answer SQL over the project's tables, all iterations at once; nothing can be written through it.

    Tables: generations, rewards, pairs, prompts, …, and the views `scored` (one row per response, ranked) and `paired`;
    `show tables` lists them. Names without a schema mean the first --at, or the workspace, which is also `now`.
    """
    if sum(one is not None for one in (query, file, write)) > 1:
        raise typer.BadParameter("give one of QUERY, --file and --write")
    if write:
        refuse_unless_new(write, project)
        print(f"{write}: {', '.join(catalog.write(project, write))}")
        return
    if query is None and file is None and sys.stdin.isatty():
        from rlhf_data.commands import prompt

        prompt.run(project, at=at, limit=limit)
        return
    text = query if query is not None else file.read_text(encoding="utf8") if file else sys.stdin.read()
    asked, form = statements.parse(text), answers.chosen(project, written, out)
    if len(asked) != 1 and (out or not asked):
        raise typer.BadParameter(f"{len(asked)} statements; --out takes one" if asked else "no statement")
    values = answers.parameters(param)
    statements.matched(asked, values)
    for statement in asked:
        answers.give(project, statement, values, at=at, written=form, out=out, limit=limit)
