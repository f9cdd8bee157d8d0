"""Earlier versions of a table, as DVC keeps them: in its cache, or on the remote."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from rlhf_data.errors import StorageError


def fetch_previous(path: Path, into: Path) -> list[Path]:
    """Copies the Parquet files that dvc.lock names for `path` to `into`, and returns them; none where there are none.

    While a stage runs, dvc.lock is still that of the run before. A file that is lost or damaged is left out, with a
    line that says so; raises `StorageError` where a remote cannot be reached.
    """
    from dvc.exceptions import DvcException, NotDvcRepoError
    from dvc.repo import Repo

    try:
        with Repo() as repo:
            into.mkdir(parents=True, exist_ok=True)
            tracked = repo.datafs  # what DVC tracks, whatever the workspace holds
            root = f"/{path.resolve().relative_to(repo.root_dir).as_posix()}"
            return [copy for name in _files(tracked, root) if (copy := _copy(tracked, name, into))]
    except (NotDvcRepoError, ValueError):  # a folder outside any project has no versions
        return []
    except (DvcException, OSError) as error:
        raise StorageError(
            f"{path}: its previous version cannot be fetched: {error}\n"
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
        print(f"{root[1:]}: neither the cache nor the remote holds its previous version; nothing to reuse", flush=True)
        return []
    return sorted(name for name in found if name.endswith(".parquet"))


def _copy(tracked: Any, name: str, into: Path) -> Path | None:
    copy = into / name.rsplit("/", 1)[-1]
    try:
        tracked.get_file(name, str(copy))
    except FileNotFoundError:
        print(f"{name[1:]}: neither in the cache nor on the remote; its rows are computed again", flush=True)
        return None
    with copy.open("rb") as file:
        found = hashlib.file_digest(file, "md5").hexdigest()
    if found != tracked.checksum(name):  # DVC itself would take it as it is
        print(f"{name[1:]}: damaged in the cache or on the remote; its rows are computed again", flush=True)
        copy.unlink()
        return None
    return copy
