"""Git, called so that it runs nothing that a stranger's `.git/config` names; and what can be a revision's name."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from rlhf_data.errors import StorageError

LONGEST = 250  # characters of a revision's name
IN_NO_NAME = set(": ?*[\\")
# Settings that name programs, set to none; what the environment says holds before a project's own file
RUN_NOTHING = {
    "core.alternateRefsCommand": "",
    "core.askPass": "",
    "core.editor": "false",
    "core.fsmonitor": "false",
    "core.gitProxy": "",
    "core.hooksPath": os.devnull,
    "core.pager": "cat",
    "core.sshCommand": "ssh",
    "credential.helper": "",
    "diff.external": "",
    "gpg.program": "false",
    "gpg.openpgp.program": "false",
    "gpg.ssh.program": "false",
    "gpg.x509.program": "false",
    "log.showSignature": "false",
    "protocol.ext.allow": "never",
}


def run_nothing() -> None:
    """Lets every Git that this process starts, a library's too, read `RUN_NOTHING` before a project's own settings."""
    start = int(os.environ.get("GIT_CONFIG_COUNT", "0"))
    for place, (name, value) in enumerate(RUN_NOTHING.items(), start=start):
        os.environ[f"GIT_CONFIG_KEY_{place}"], os.environ[f"GIT_CONFIG_VALUE_{place}"] = name, value
    os.environ["GIT_CONFIG_COUNT"] = str(start + len(RUN_NOTHING))


def words(project: Path, *command: str) -> list[str]:
    """What Git prints of a project; nothing where it fails."""
    done = subprocess.run(["git", *command], cwd=project, capture_output=True, text=True, check=False)
    return done.stdout.split() if done.returncode == 0 else []


def refuse_odd(revision: str) -> None:
    """Raises `StorageError` where a text names no revision, as `a..b`, `HEAD:params.yaml` and `-x` do not."""
    odd = not revision.isprintable() or revision.startswith("-") or not IN_NO_NAME.isdisjoint(revision)
    if odd or any(part in revision for part in ("..", "^{")) or not 0 < len(revision) <= LONGEST:
        raise unknown(revision)


def unknown(revision: str) -> StorageError:
    """The error that says so."""
    shown = repr(revision[:LONGEST])[1:-1]
    return StorageError(f"{shown}: no such Git revision\n  `git tag` and `git log` name them")
