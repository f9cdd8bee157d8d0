"""The version of a table before this run's, whose rows need not be computed again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rlhf_data import notes
from rlhf_data.errors import StorageError
from rlhf_data.storage import revisions


def fetch(path: Path, into: Path) -> list[Path]:
    """Copies the Parquet files that dvc.lock names for `path` to `into`, and returns them; none where there are none.

    While a stage runs, dvc.lock is still that of the run before. A file that is lost or damaged is left out, with a
    line that says so; raises `StorageError` where a remote cannot be reached.
    """
    from dvc.exceptions import NotDvcRepoError
    from dvc.repo import Repo

    try:
        with Repo() as repo:
            into.mkdir(parents=True, exist_ok=True)
            tracked = repo.datafs  # what DVC tracks, whatever the workspace holds
            root = f"/{path.resolve().relative_to(repo.root_dir).as_posix()}"
            return [copy for name in _files(tracked, root) if (copy := _copy(tracked, name, into))]
    except (NotDvcRepoError, ValueError):  # a folder outside any project has no versions
        return []
    except Exception as error:  # DVC's own, and each server's library has errors of its own
        raise StorageError(
            f"{path}: its previous version cannot be fetched: {revisions.said(error)}\n"
            "  `dvc pull` tells more; with `fresh: true` in this stage's params every row is computed anew"
        ) from error


def _files(tracked: Any, root: str) -> list[str]:
    from dvc_data.index import DataIndexDirError

    try:
        found = list(tracked.find(root))
    except FileNotFoundError:
        return []
    except DataIndexDirError as error:
        if not isinstance(error.__cause__, FileNotFoundError):
            raise StorageError(str(error.__cause__)) from error
        shown = root.removeprefix("/")
        notes.say(f"{shown}: neither the cache nor the remote holds its previous version; nothing to reuse")
        return []
    return sorted(name for name in found if name.endswith(".parquet"))


def _copy(tracked: Any, name: str, into: Path) -> Path | None:
    copy = into / name.rsplit("/", 1)[-1]
    try:
        if revisions.copied(tracked, name, copy):
            return copy
    except FileNotFoundError:
        notes.say(f"{name.removeprefix('/')}: neither in the cache nor on the remote; its rows are computed again")
        return None
    notes.say(f"{name.removeprefix('/')}: damaged in the cache or on the remote; its rows are computed again")
    copy.unlink()
    return None
