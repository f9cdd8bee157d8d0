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


def atomically(path: Path, save: Callable[[Path], Any]) -> None:
    """Lets `save` write a file or folder beside `path`, then renames it into place.

    Raises `StorageError` where the disk is full; nothing half-written is left. Of several processes that were launched
    together, the first one writes; what the others save goes.
    """
    if not locks.is_first():
        with tempfile.TemporaryDirectory() as folder:
            save(Path(folder) / path.name)
        return
    partial = path.with_name(f".{path.name}.partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove(partial)
    try:
        save(partial)
        _remove(path) if path.is_dir() else None
        os.replace(partial, path)
    except BaseException as error:
        _remove(partial)
        # each library wraps the system's error in one of its own
        if getattr(error, "errno", None) == errno.ENOSPC or os.strerror(errno.ENOSPC) in str(error):
            raise StorageError(
                f"{path}: the disk is full ({shutil.disk_usage(path.parent).free / 2**20:.0f} MiB free now); "
                "nothing half-written was left\n  make room (`dvc gc -w` drops old versions), then `dvc repro` goes on"
            ) from error
        raise


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
