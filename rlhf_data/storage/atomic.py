"""Files and folders that are there whole, or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rlhf_data.errors import StorageError
from rlhf_data.storage import locks

MADE = ("data", "reports", ".dvc/plots")  # folders of a project: what is in them, stages make, and may make again


def atomically(path: Path, save: Callable[[Path], Any]) -> None:
    """Lets `save` write a file or folder beside `path`, then renames it into place.

    Raises `StorageError` where something is at `path` that is not ours to replace, or nothing can be written, before
    `save` is called, and where the disk is full; nothing half-written is left. Of several processes that were launched
    together, the first one writes; what the others save goes.
    """
    refuse_to_replace(path)
    if not locks.is_first():
        with tempfile.TemporaryDirectory() as folder:
            save(Path(folder) / path.name)
        return
    partial = path.with_name(f".{path.name}.partial")
    _prepare(path, partial)
    try:
        save(partial)
        if path.exists() and path.is_dir() != partial.is_dir():
            raise StorageError(f"{path}: is a {_kind(path)}, and would be a {_kind(partial)}\n  name another path")
        _remove(path) if path.is_dir() else None
        os.replace(partial, path)
    except BaseException as error:
        _remove(partial)
        if is_full(error):
            raise StorageError(
                f"{path}: the disk is full ({shutil.disk_usage(path.parent).free / 2**20:.0f} MiB free now); "
                "nothing half-written was left\n  make room (`dvc gc -w` drops old versions), then `dvc repro` goes on"
            ) from error
        raise


def is_full(error: BaseException) -> bool:
    """Whether a disk was full; each library wraps the system's error in one of its own."""
    return getattr(error, "errno", None) == errno.ENOSPC or os.strerror(errno.ENOSPC) in str(error)


def _prepare(path: Path, partial: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove(partial)
        partial.touch()
        partial.unlink()
    except OSError as error:
        why = f"{error.filename or path}: {error.strerror}"
        raise StorageError(
            f"{path}: cannot be written: {why}\n  name another path, or make this one writable"
        ) from error


def refuse_to_replace(path: Path) -> None:
    """Raises `StorageError` where something is at `path`, unless it is what stages make: a file, or a folder of files.

    So a mistyped path costs nobody their files, and no folder goes that has folders in it.
    """
    if not os.path.lexists(path):
        return
    place = Path(os.path.abspath(path))  # not resolved: data/ may be a link to another disk
    project = next((one for one in place.parents if (one / "dvc.yaml").is_file()), None)
    if project is None or not any(project / made in place.parents for made in MADE):
        raise StorageError(f"{path}: exists\n  name a new {_kind(path)}, or remove it")
    if path.is_dir() and (path.is_symlink() or any(one.is_dir() for one in path.iterdir())):
        raise StorageError(f"{path}: is a folder that no stage made\n  name another, or remove it")


def _kind(path: Path) -> str:
    return "folder" if path.is_dir() else "file"


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
