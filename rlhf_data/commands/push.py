"""`rlhf-data push`: `dvc push`, until the remote has every object whole."""

from __future__ import annotations

from typing import Annotated

import typer

from rlhf_data.commands.projects import Project
from rlhf_data.errors import StorageError
from rlhf_data.sharing import pushing, verify


def main(
    project: Project,
    remote: Annotated[str | None, typer.Option(metavar="NAME", help="Which remote, if not the default one.")] = None,
    at: Annotated[str | None, typer.Option(metavar="REV", help="What that Git revision names.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="What any commit names.")] = False,
) -> None:
    """Send to a remote what dvc.lock names, and see that it arrives.

    A push that was killed may leave half an object, or a table's list without its files, which `dvc push` takes for
    sent. This looks at the size of every object, sends what is missing or cut, and hashes what it sent.
    """
    with verify.opened(project) as repo:
        name = remote or repo.config["core"].get("remote")
        if name is None:
            raise StorageError(
                f"{project}: no remote is the default one\n  name one: --remote, or `dvc remote default`"
            )
        outs = verify.outputs(repo, [], at=at, everything=everything)
        sent = pushing.push(repo, outs, remote=name, revs=[at] if at else None, all_commits=everything)
    print(f"remote {name}: {sent} objects sent; it has all that is in the cache")
