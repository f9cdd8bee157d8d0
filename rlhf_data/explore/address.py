"""The port and the secret of a page whose address is to stay the same (`explore --keep`).

They lie in a file that its owner alone may read, in DVC's own folder for what is no part of the project. A kept address
is a little less safe than a new one: while the page is down, another user of the machine could listen at its port and
learn the secret from who opens the address then. So keeping is asked for, never the default.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import NamedTuple

from rlhf_data.errors import StorageError

FILE = Path(".dvc/tmp/rlhf-data/explore.json")
OTHERS = 0o077  # what a file's mode lets others do


class Address(NamedTuple):
    """Of 127.0.0.1, and the first part of the page's path."""

    port: int
    secret: str


def kept(project: Path) -> Address | None:
    """What was kept; None where nothing was, or others could have read or written it."""
    try:
        with (project / FILE).open(encoding="utf8") as file:
            about = os.fstat(file.fileno())
            if about.st_uid != os.geteuid() or about.st_mode & OTHERS:
                return None
            found = json.load(file)
        port, secret = found["port"], found["secret"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    good = isinstance(port, int) and 0 < port < 2**16 and isinstance(secret, str) and len(secret) >= 32
    return Address(port, secret) if good and secret.replace("-", "").replace("_", "").isalnum() else None


def keep(project: Path, address: Address) -> None:
    """Keeps it for the next start; raises `StorageError` where nothing can be written."""
    path = project / FILE
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf8") as file:
            json.dump(address._asdict(), file)
        partial.replace(path)
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}\n  without --keep nothing is written") from error
