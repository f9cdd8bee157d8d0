"""Tables sent to a remote until it has them whole, whatever an earlier push that was killed left there.

`dvc push` takes a folder's files for sent where their list is there, and an object for whole where its name is. So
each object's size is held against the cache's, what differs is moved aside, and what was sent is hashed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import polars as pl

from rlhf_data.errors import StorageError
from rlhf_data.sharing import repair, verify
from rlhf_data.storage import revisions

ROUNDS = 3
ROWS = pl.Schema({name: verify.COPIES[name] for name in ("place", "table", "version", "file", "object", "found")})


def push(repo: Any, outs: Iterable[verify.Output], *, remote: str, **asked: Any) -> int:
    """Sends what the cache holds of the outputs to a remote, and returns how many objects went.

    `asked` is what `dvc push` is told. Raises `StorageError` where the remote cannot be reached, or does not keep what
    it is sent.
    """
    outs = [out for out in outs if out.pushed]
    store = verify.stores(repo, cache=False, remote=remote)
    (odb,) = store.values()
    sent, wrong = dict[str, str](), pl.DataFrame(schema=ROWS)
    for _ in range(ROUNDS):
        behind = _behind(repo.cache.local, odb, outs, place=f"remote {remote}")
        todo = pl.concat([behind, wrong]).unique("object", maintain_order=True)
        if todo.is_empty():
            return len(sent)
        for line in repair.move_aside(repo, store, todo):
            print(f"moved aside: {line}")
        try:
            repo.push(remote=remote, **asked)
        except Exception as error:  # DVC's own, and each server's library has errors of its own
            raise StorageError(
                f"remote {remote}: {revisions.said(error)}\n  `dvc remote list` says where it is"
            ) from error
        sent |= dict.fromkeys(todo["object"], "")
        found = [verify.hashed(odb.fs, odb.oid_to_path(oid)).found for oid in todo["object"]]
        wrong = todo.with_columns(found=pl.Series(found, dtype=pl.String))
        wrong = wrong.filter(pl.col("found") != pl.col("object").str.strip_suffix(verify.LISTING))
    raise StorageError(
        f"remote {remote}: {todo.height} objects are not there as they were sent, {todo['file'][0]} among them\n"
        f"  `rlhf-data verify --remote {remote}` names them"
    )


def _behind(cache: Any, odb: Any, outs: Iterable[verify.Output], *, place: str) -> pl.DataFrame:
    """The objects that the cache has and the remote lacks, or has in another size (`ROWS`; null: it lacks them)."""
    names = list(_objects(cache, outs))
    with ThreadPoolExecutor(max_workers=odb.fs.jobs) as pool:
        sizes = list(pool.map(lambda one: _size(odb.fs, odb.oid_to_path(one[-1])), names))
    rows = [
        (place, *name, None if size is None else f"{size}-bytes")
        for name, size in zip(names, sizes, strict=True)
        if size != os.path.getsize(cache.oid_to_path(name[-1]))
    ]
    return pl.DataFrame(rows, schema=ROWS, orient="row")


def _objects(cache: Any, outs: Iterable[verify.Output]) -> Iterator[tuple[str, str, str, str]]:
    """Table, version, file and object of all that the cache has of the outputs."""
    for out in outs:
        listed = verify.listed(cache, out) if cache.exists(out.version) else []
        for file, oid in [(out.table, out.version), *listed]:
            if cache.exists(oid):
                yield out.table, out.version, file, oid


def _size(fs: Any, path: str) -> int | None:
    try:
        return int(fs.size(path))
    except FileNotFoundError:
        return None
    except Exception as error:  # each server's library has errors of its own
        raise revisions.unread(path, error) from error
