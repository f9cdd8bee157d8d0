"""A table as a Git revision has it, copied out of DVC's cache or remote without a checkout; every byte is hashed."""

from __future__ import annotations

from pathlib import Path

from rlhf_data.errors import StorageError, TableError
from rlhf_data.storage import revisions


def fetch(project: Path, paths: list[str], *, at: str, into: Path) -> list[Path]:
    """Copies files and folders of the project at revision `at` to `into`, and returns those that the revision has.

    Raises `StorageError` where the revision is unknown, or a file cannot be had whole.
    """
    found = []
    with revisions.at(project, at) as repo:
        tracked = repo.dvcfs
        for path in paths:
            names = list(tracked.find(path)) if tracked.exists(path) else []
            for name in names:
                copy = into / name.lstrip("/")
                copy.parent.mkdir(parents=True, exist_ok=True)
                tracked.get_file(name, str(copy))
                _check(copy, name, at, tracked.info(name).get("md5"))
            if names:
                found.append(into / path)
    return found


def commit(project: Path, at: str | None) -> str:
    """Where a table comes from, for a card: the commit, in full."""
    from dvc.repo import Repo
    from dvc.scm import NoSCMError, SCMError

    try:
        with Repo(str(project)) as repo:
            return f"commit {repo.scm.resolve_rev(at)}" if at else f"the workspace, over commit {repo.scm.get_rev()}"
    except NoSCMError:
        return "the workspace, without Git"
    except SCMError as error:
        raise TableError(f"{at}: {error}") from error


def _check(copy: Path, name: str, at: str, wanted: str | None) -> None:
    """DVC itself takes what the store holds as it is."""
    if wanted is None:  # Git's own file
        return
    if revisions.md5_of(copy) != wanted:
        raise StorageError(f"{name} at {at}: damaged\n  `rlhf-data verify --at {at}` says where, and how to mend it")
