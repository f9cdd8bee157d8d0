"""Earlier versions of a table, as DVC keeps them: in its cache, or on the remote."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from rlhf_data.errors import StorageError
from rlhf_data.storage import git


def files_at(project: Path, revision: str, folders: Iterable[str], *, fetch: bool = True) -> dict[str, Path]:
    """The Parquet files that DVC tracked in `folders` at a Git revision, by name → where the cache keeps their bytes.

    Names and folders are relative to the project; nothing is checked out. What the cache lacks comes from the remote,
    in a clone that has pulled nothing too, and is kept in the cache; every file is held against its md5. With `fetch`
    off, a path is one where nothing may lie, and no file is read. Raises `StorageError` where there is no such
    revision, or the bytes are nowhere or damaged.
    """
    with opened(project, revision) as repo:
        tracked, found = repo.datafs, {}
        for folder in folders:
            if fetch:
                _refuse_damaged_lists(repo, folder, revision)
            for name in _tracked(tracked, folder, revision):
                md5 = tracked.checksum(name)
                kept = Path(repo.cache.local.oid_to_path(md5))
                if fetch and not kept.exists():
                    _fetch(repo, name, revision)
                elif fetch and _hashed(kept, kept.stat().st_mtime_ns) != md5:
                    raise _damaged(name.strip("/"), revision)
                found[name.strip("/")] = kept
    return found


def checkout(project: Path, paths: list[str], *, at: str, into: Path) -> list[Path]:
    """Copies files and folders of the project at revision `at` to `into`, and returns those that the revision has.

    Git's own files too; every byte that DVC tracks is hashed. Raises `StorageError` where the revision is unknown, or a
    file cannot be had whole.
    """
    found = []
    with opened(project, at) as repo:
        tracked = repo.dvcfs
        for path in paths:
            names = list(tracked.find(path)) if tracked.exists(path) else []
            for name in names:
                if not copied(tracked, name, into / name.lstrip("/")):
                    raise _damaged(name, at)
            if names:
                found.append(into / path)
    return found


def commit(project: Path, at: str | None) -> str:
    """Where a table comes from, for a card: the commit, in full; raises `StorageError` where `at` is unknown."""
    from dvc.repo import Repo
    from dvc.scm import NoSCMError
    from scmrepo.exceptions import SCMError

    if at:
        git.refuse_odd(at)
    try:
        with Repo(str(project)) as repo:
            return f"commit {repo.scm.resolve_rev(at)}" if at else f"the workspace, over commit {repo.scm.get_rev()}"
    except NoSCMError:
        return "the workspace, without Git"
    except (SCMError, ValueError) as error:
        raise git.unknown(str(at)) from error


@contextmanager
def repository(project: Path) -> Iterator[Any]:
    """DVC's `Repo` of a project, whose remotes are those of the workspace at every revision.

    Those of then may be gone, and one with a relative url DVC would look for in the root of the file system.
    """
    from dvc.repo import Repo

    with Repo(str(project)) as now:
        default = {name: value for name, value in now.config["core"].items() if name == "remote"}
        remotes = {"core": default, "remote": now.config["remote"]}
    with Repo(str(project), config=remotes) as repo:
        yield repo


@contextmanager
def opened(project: Path, revision: str) -> Iterator[Any]:
    """DVC's own view of the project at a revision."""
    from dvc.exceptions import NotDvcRepoError
    from dvc.repo import Repo
    from dvc.scm import NoSCMError, RevError

    git.refuse_odd(revision)
    if not (project / Repo.DVC_DIR).is_dir():  # DVC would look in the folders above
        raise StorageError(f"{project}: no DVC project, so it has no versions\n  `dvc init` makes it one")
    try:
        with repository(project) as repo, repo.switch(revision):
            yield repo
    except NotDvcRepoError as error:
        raise StorageError(f"{project}: no DVC project at {revision}") from error
    except NoSCMError as error:
        raise StorageError(f"{project}: no Git repository, so it has no revisions") from error
    except (RevError, UnicodeError, ValueError) as error:
        raise git.unknown(revision) from error
    except StorageError:
        raise
    except Exception as error:  # DVC's own, and each server's library has errors of its own
        raise StorageError(f"{revision}: cannot be read: {said(error)}\n  `dvc pull` tells more") from error


def said(error: BaseException) -> str:
    """An error of DVC's or of a library, in a line; of a library that is absent, how to have it."""
    line = " ".join(str(error).split()) or type(error).__name__
    return f"{line}: pip install 'rlhf-data[remotes]', or that" if isinstance(error, ImportError) else line


def unread(path: str, error: BaseException) -> StorageError:
    """What is raised of a store's object that cannot be read."""
    return StorageError(f"{path}: cannot be read: {said(error)}\n  `dvc remote list` says where it is")


def _refuse_damaged_lists(repo: Any, folder: str, revision: str) -> None:
    """A list of an output's files that changed would name others, or leave some out."""
    for out in repo.index.outs:
        path = Path(out.fs_path).relative_to(repo.root_dir)
        if out.hash_info.isdir and (path.is_relative_to(folder) or Path(folder).is_relative_to(path)):
            kept = Path(repo.cache.local.oid_to_path(out.hash_info.value))
            if kept.exists() and f"{_hashed(kept, kept.stat().st_mtime_ns)}.dir" != out.hash_info.value:
                raise _damaged(path.as_posix(), revision)


def _tracked(tracked: Any, folder: str, revision: str) -> list[str]:
    from dvc_data.index import DataIndexDirError

    try:
        found = list(tracked.find(f"/{folder}"))
    except FileNotFoundError:
        return []
    except DataIndexDirError as error:
        raise StorageError(f"{folder} at {revision}: {_nowhere(error.__cause__)}") from error
    return sorted(name for name in found if name.endswith(".parquet"))


def _fetch(repo: Any, name: str, revision: str) -> None:
    from dvc.fs import localfs

    tracked, cache = repo.datafs, repo.cache.local
    md5 = tracked.checksum(name)
    with tempfile.TemporaryDirectory(dir=repo.tmp_dir) as folder:
        copy = Path(folder) / md5
        try:
            whole = copied(tracked, name, copy)
        except FileNotFoundError as error:
            raise StorageError(f"{name.strip('/')} at {revision}: object {md5}: {_nowhere(error)}") from error
        if not whole:
            raise StorageError(
                f"{name.strip('/')} at {revision}: object {md5} is damaged on the remote\n"
                "  delete it there and `dvc push` it anew from where it is whole"
            )
        cache.add(str(copy), localfs, md5)


def copied(tracked: Any, name: str, to: Path) -> bool:
    """Copies a file out of the cache or the remote; whether it is whole, which DVC itself does not ask.

    Of Git's own files no hash is known. Raises `FileNotFoundError` where it is in neither.
    """
    to.parent.mkdir(parents=True, exist_ok=True)
    tracked.get_file(name, str(to))
    md5 = tracked.info(name).get("md5")
    return md5 is None or md5_of(to) == md5


def _damaged(name: str, at: str) -> StorageError:
    return StorageError(f"{name} at {at}: damaged\n  `rlhf-data verify --at {at}` says where, and how to mend it")


def _nowhere(error: BaseException | None) -> str:
    lost = "neither in the cache nor on the remote"
    found = lost if error is None or isinstance(error, FileNotFoundError) else f"{lost}: {error}"
    return f"{found}\n  `dvc push` where it was made, or `dvc remote list`: is this the right remote?"


def md5_of(path: Path) -> str:
    """The hash that names an object of DVC's."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


@lru_cache(maxsize=4096)  # the page asks again and again
def _hashed(path: Path, _written: int) -> str:
    return md5_of(path)
