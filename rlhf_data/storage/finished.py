"""Finished work stays in the journal until DVC holds what came of it.

DVC moves a stage's outputs into its cache after the stage has ended, and a kill, or a full disk, at that moment can
lose them. So the journal keeps the work, with a record of the output's files, and goes when `dvc.lock` names the very
same files and the cache holds them whole.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from rlhf_data import hashing
from rlhf_data.errors import StorageError
from rlhf_data.storage import locks
from rlhf_data.storage.atomic import atomically

RECORD = "finished.json"


def record(work: Path, out: Path) -> None:
    """Notes in the folder `work` what came of it: the hash of each file of the output."""
    text = json.dumps({"output": os.path.relpath(out), "files": hashing.files(out)}, indent=1)
    atomically(work / RECORD, lambda partial: partial.write_text(text + "\n"))


def clean(journal: Path, *, project: Path = Path()) -> list[Path]:
    """Removes the finished work that DVC holds the output of, and returns the folders that went.

    What another process works on stays.
    """
    waiting = {path.parent: json.loads(path.read_text()) for path in sorted(journal.glob(f"*/{RECORD}"))}
    if not waiting or not (project / ".dvc").is_dir():
        return []
    from dvc.repo import Repo

    with Repo(str(project)) as repo:
        return [folder for folder, found in waiting.items() if _is_held(repo, **found) and remove(folder)]


def remove(folder: Path) -> bool:
    """Removes a folder of the journal; False where a process works on it."""
    try:
        with locks.held(folder.with_suffix(".lock"), f"the work in {folder}"):
            shutil.rmtree(folder)
    except StorageError:
        return False
    return True


def _is_held(repo: Any, output: str, files: dict[str, str]) -> bool:
    """Whether `dvc.lock` names an output of exactly these files, and the cache has each of them whole."""
    from dvc_data.index import DataIndexDirError

    tracked, root = repo.datafs, f"/{output}"
    try:
        names = list(tracked.find(root))
    except (FileNotFoundError, DataIndexDirError):
        return False
    named = {os.path.relpath(name, root): tracked.info(name).get("md5") for name in names}
    if not all(named.values()):  # files that dvc.lock does not name: a kill came before it was written
        return False
    kept = {name: Path(repo.cache.local.oid_to_path(md5)) for name, md5 in named.items()}
    return kept.keys() == files.keys() and all(
        path.exists() and hashing.sha256(path) == files[name] for name, path in kept.items()
    )
