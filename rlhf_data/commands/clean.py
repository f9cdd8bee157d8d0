"""`rlhf-data clean`: removes from the journal the finished work whose output DVC holds."""

from __future__ import annotations

from typing import Annotated

import typer

from rlhf_data.commands.projects import Project
from rlhf_data.storage import finished, journal


def main(
    project: Project,
    everything: Annotated[
        bool, typer.Option("--all", help="Also work that was not finished, or that DVC does not hold.")
    ] = False,
) -> None:
    """Remove from `data/.journal` what DVC holds by now.

    A stage's rows stay there until `dvc.lock` names its output and the cache has it whole, so that a kill while DVC
    stores it loses none. What is left is named.
    """
    work = project / journal.FOLDER
    for folder in finished.clean(work, project=project):
        print(f"{folder.relative_to(project)}: removed; DVC holds its output")
    for folder in sorted(path for path in work.glob("*") if path.is_dir()):
        name = folder.relative_to(project)
        if everything and finished.remove(folder):
            print(f"{name}: removed")
        elif everything:
            print(f"{name}: kept, a process works on it")
        elif (folder / finished.RECORD).exists():
            print(f"{name}: kept, finished, but dvc.lock does not name its output: `dvc repro` goes on with it")
        else:
            print(f"{name}: kept, not finished: `dvc repro` goes on with it")
