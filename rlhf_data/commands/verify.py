"""`rlhf-data verify`: reads the objects that dvc.lock names and hashes them again; exit status 1 where one is bad."""

from __future__ import annotations

from typing import Annotated

import polars as pl
import typer

from rlhf_data.commands.projects import Project
from rlhf_data.sharing import verify, verify_report
from rlhf_data.sharing.repair import move_aside

TABLES = typer.Argument(metavar="[TABLE]…", help="Paths from the project's folder; all tables, where none is given.")


def main(
    project: Project,
    tables: Annotated[list[str] | None, TABLES] = None,
    remote: Annotated[str | None, typer.Option(metavar="NAME", help="Which remote, if not the default one.")] = None,
    no_remote: Annotated[bool, typer.Option("--no-remote", help="Leave the remote out.")] = False,
    cache: Annotated[bool, typer.Option(help="Also the cache and the workspace.")] = True,
    at: Annotated[str | None, typer.Option(metavar="REV", help="What that Git revision names.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="What any commit names.")] = False,
    repair: Annotated[bool, typer.Option("--repair", help="Move damaged objects to a folder `damaged`.")] = False,
) -> None:
    """Hash every object of the cache, the remote and the workspace again.

    DVC asks whether an object is there; this reads it. Names each damaged, truncated or missing file with the way to
    mend it.
    """
    with verify.opened(project) as repo:
        default = repo.config["core"].get("remote")
        stores = verify.stores(repo, cache=cache, remote=None if no_remote else remote or default)
        outs = verify.outputs(repo, tables or [], at=at, everything=everything)
        copies = verify.copies(stores, outs)
        if cache and at is None:
            unseen = verify.unseen(repo, copies.filter(pl.col("place") == "cache"))
            copies = pl.concat([copies, unseen])
        judged = verify_report.judged(copies, has_remote=bool(repo.config["remote"]))
        problems = verify_report.problems(judged)
        for line in verify_report.lines(judged):
            print(line)
        for line in verify_report.totals(judged):
            print(line)
        if repair:
            for line in move_aside(repo, stores, problems):
                print(f"moved aside: {line}")
    if not problems.is_empty():
        raise typer.Exit(1)
