"""Damaged copies of stored objects, moved out of DVC's way, so that `dvc push` and `dvc pull` bring good ones."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import polars as pl


def move_aside(repo: Any, stores: Mapping[str, Any], problems: pl.DataFrame) -> list[str]:
    """Moves damaged copies to a folder `damaged` of the same place, and says where to.

    On a remote the list of a folder's files goes too, where the cache can bring all of it: as long as the list is
    there, `dvc push` takes its files for sent.
    """
    moved = []
    for (place,), rows in problems.partition_by("place", as_dict=True).items():
        if place == "workspace":
            fs, folder = repo.cache.local.fs, os.path.join(repo.tmp_dir, "damaged")
            paths = {os.path.join(repo.root_dir, file): found for file, found in rows["file", "found"].iter_rows()}
        else:
            odb, fs = stores[str(place)], stores[str(place)].fs
            folder = fs.join(fs.parent(fs.parent(odb.path)), "damaged")
            damaged = dict(rows.filter(pl.col("found").is_not_null())["object", "found"].iter_rows())
            cached = rows.filter([place != "cache" and repo.cache.local.exists(oid) for oid in rows["object"]])
            lists = [oid for oid in cached["version"].unique() if repo.cache.local.exists(oid)]
            paths = {odb.oid_to_path(oid): found for oid, found in {**dict.fromkeys(lists), **damaged}.items()}
            _forget(odb)
        for path, found in paths.items():
            if fs.exists(path):
                to = fs.join(folder, "-".join([*fs.parts(path)[-2:], found or "list"]))
                fs.makedirs(folder, exist_ok=True)
                fs.move(path, to)
                moved.append(f"{place}: {path} → {to}")
    return moved


def _forget(odb: Any) -> None:
    """Empties DVC's own record of what a remote holds, which would keep it from looking."""
    from dvc_data.hashfile.db import get_index

    with closing(get_index(odb)) as index:
        index.clear()
