"""Every object that dvc.lock names, read and hashed again: in DVC's cache, on a remote, and in the workspace.

DVC itself trusts what it once stored: it asks whether an object exists, and looks at the times of files. This reads
bytes. What it finds is a table, one row per copy of a file (`COPIES`); `verify_report.py` says what is wrong with it.
"""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
from tqdm import tqdm

from rlhf_data.errors import StorageError, TableError
from rlhf_data.storage import git, revisions

COPIES = pl.Schema(
    {
        "place": pl.String,  # cache, workspace, or `remote <name>`
        "table": pl.String,  # the output that dvc.lock names
        "version": pl.String,  # the output's hash
        "file": pl.String,  # the table itself for the list of its files
        "object": pl.String,  # the hash that names it
        "found": pl.String,  # the hash of its bytes; null: there is no such object
        "bytes": pl.UInt64,
        "expected_bytes": pl.UInt64,  # where dvc.lock says it
        "claimed": pl.Boolean,  # the cache holds it for another version's sake too: some other list there names it
    }
)
CHUNK = 2**20
LISTING = ".dir"  # how the hash of a folder's list of files ends


class Output(NamedTuple):
    """A table or model that dvc.lock names."""

    table: str
    version: str
    size: int | None
    pushed: bool  # whether it belongs on the project's remotes


class Bytes(NamedTuple):
    """What an object's bytes come to."""

    found: str | None
    size: int | None


@contextmanager
def opened(project: Path) -> Iterator[Any]:
    """DVC's `Repo` of a project; DVC's own errors become `StorageError`."""
    from dvc.exceptions import DvcException
    from dvc.scm import SCMError
    from scmrepo.exceptions import RevError

    try:
        with revisions.repository(project) as repo:
            yield repo
    except RevError as error:
        raise StorageError(f"{error}\n  `git tag` and `git log` name those that there are") from error
    except (DvcException, SCMError, ImportError) as error:
        raise StorageError(f"{revisions.said(error)}\n  `dvc doctor` and `dvc remote list` tell more") from error


def stores(repo: Any, *, cache: bool, remote: str | None) -> dict[str, Any]:
    """The places to look in, by name: DVC's object stores."""
    found = {"cache": repo.cache.local} if cache else {}
    if remote is not None:
        found[f"remote {remote}"] = repo.cloud.get_remote_odb(remote, "verify")
    return found


def outputs(repo: Any, tables: Sequence[str], *, at: str | None, everything: bool) -> list[Output]:
    """What dvc.lock names, now, at a revision or in all commits; only what `tables` (paths, patterns) name, if any."""
    if at:
        git.refuse_odd(at)
    found: dict[Output, None] = {}
    for _ in repo.brancher(revs=[at] if at else None, all_commits=everything, workspace=at is None):
        for out in repo.index.outs:
            if not out.use_cache or not out.hash_info:
                continue
            table = "/".join(out.index_key[1])
            if out.hash_name != "md5":
                raise StorageError(f"{table}: stored by DVC 2 ({out.hash_name})\n  `dvc cache migrate` brings it over")
            pushed = out.can_push and not out.stage.is_repo_import
            found[Output(table, out.hash_info.value, out.meta.size, pushed)] = None
    names = [name.rstrip("/") for name in tables]
    for name in names:
        if not any(_meant(out.table, [name]) for out in found):
            known = "\n  ".join(sorted({out.table for out in found}))
            raise TableError(f"{name}: dvc.lock names no such table; it names\n  {known or 'none'}")
    return [out for out in found if not names or _meant(out.table, names)]


def copies(stores: Mapping[str, Any], outs: Iterable[Output]) -> pl.DataFrame:
    """Reads every object of the outputs in every store (`COPIES`), with a progress bar."""
    outs = list(outs)
    with tqdm(desc="verify", unit="object", total=0) as progress:
        state = {name: _read(odb, _names(name, outs), progress) for name, odb in stores.items()}
        files = {out.version: _files(out, stores, state) for out in outs if out.version.endswith(LISTING)}
        for name, odb in stores.items():
            parts = {oid for version in _names(name, outs) for _, oid in files.get(version, [])}
            state[name] |= _read(odb, parts - set(state[name]), progress)
    claims = _claims(stores["cache"]) if "cache" in stores else {}
    rows = [
        (name, out.table, out.version, file, oid, *state[name][oid], out.size if file == out.table else None,
         bool(claims.get(oid, set()) - {out.version}))
        for name in stores
        for out in outs
        if name == "cache" or out.pushed
        for file, oid in [(out.table, out.version), *files.get(out.version, [])]
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=COPIES, orient="row").with_columns(
        # dvc.lock gives a folder's size, not that of the list of its files
        expected_bytes=pl.when(~pl.col("object").str.ends_with(LISTING)).then("expected_bytes")
    )


def unseen(repo: Any, cached: pl.DataFrame) -> pl.DataFrame:
    """Files of the workspace that DVC takes for those of dvc.lock (same time and size as when it looked), hashed.

    What was changed in a way that DVC sees is not among them: `dvc status` names it.
    """
    rows = []
    files = cached.filter(~pl.col("object").str.ends_with(LISTING))
    with tqdm(files.iter_rows(named=True), desc="workspace", unit="file", total=files.height) as progress:
        for row in progress:
            path = os.path.join(repo.root_dir, row["file"])
            known = repo.state.get(path, repo.cache.local.fs)[1] if os.path.exists(path) else None
            if known is not None and known.value == row["object"]:
                found = hashed(repo.cache.local.fs, path)
                rows.append({**row, "place": "workspace", "found": found.found, "bytes": found.size})
    return pl.DataFrame(rows, schema=COPIES)


def _meant(table: str, names: Iterable[str]) -> bool:
    """Whether a name is the table, a folder above it, a part file within it, or a pattern of one of these."""
    return any(
        fnmatch.fnmatchcase(table, name) or table.startswith(f"{name}/") or name.startswith(f"{table}/")
        for name in names
    )


def _claims(cache: Any) -> dict[str, set[str]]:
    """Which lists of the cache name a file; those of all versions that were ever here."""
    from dvc_data.hashfile.hash_info import HashInfo
    from dvc_data.hashfile.tree import Tree
    from dvc_objects.errors import ObjectFormatError

    found: dict[str, set[str]] = {}
    for oid in cache.all():
        if oid.endswith(LISTING):
            with suppress(ObjectFormatError):  # damaged, which is said where it is hashed
                for _, _, info in Tree.load(cache, HashInfo("md5", oid)):
                    found.setdefault(info.value, set()).add(oid)
    return found


def _names(place: str, outs: Iterable[Output]) -> set[str]:
    return {out.version for out in outs if place == "cache" or out.pushed}


def listed(odb: Any, out: Output) -> list[tuple[str, str]]:
    """Path and hash of each file of a folder, by the list of them that a store has; none of a single file."""
    from dvc_data.hashfile.hash_info import HashInfo
    from dvc_data.hashfile.tree import Tree

    if not out.version.endswith(LISTING):
        return []
    return [("/".join((out.table, *key)), info.value) for key, _, info in Tree.load(odb, HashInfo("md5", out.version))]


def _files(out: Output, stores: Mapping[str, Any], state: Mapping[str, Mapping[str, Bytes]]) -> list[tuple[str, str]]:
    """Path and hash of each file of a folder, from a store whose list of them is good; none where none is."""
    for name, odb in stores.items():
        if out.version in state[name] and f"{state[name][out.version].found}{LISTING}" == out.version:
            return listed(odb, out)
    return []


def _read(odb: Any, oids: Iterable[str], progress: Any) -> dict[str, Bytes]:
    oids = list(oids)
    progress.total += len(oids)
    progress.refresh()

    def one(oid: str) -> tuple[str, Bytes]:
        found = hashed(odb.fs, odb.oid_to_path(oid))
        progress.update()
        return oid, found

    with ThreadPoolExecutor(max_workers=odb.fs.jobs) as pool:
        return dict(pool.map(one, oids))


def hashed(fs: Any, path: str) -> Bytes:
    """The MD5 and the size of what is there; raises `StorageError` where the store cannot be read."""
    from dvc_data.hashfile.hash import get_hash_stream

    try:
        with fs.open(path, "rb") as file:
            stream = get_hash_stream(file)
            while stream.read(CHUNK):
                pass
    except FileNotFoundError:
        return Bytes(None, None)
    except Exception as error:  # each server's library has errors of its own
        raise revisions.unread(path, error) from error
    return Bytes(stream.hash_value, stream.total_read)
