"""Several tables put into a folder together: all of them, or none."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from rlhf_data.errors import StorageError
from rlhf_data.schemas import Generations, Prompts, Rejects, Rewards
from rlhf_data.storage import tables

SCHEMAS = {"prompts": Prompts, "generations": Generations, "scores": Rewards, "rewards": Rewards, "rejects": Rejects}


def paths(out: Path, iteration: str, *, judge: str, source: str) -> dict[str, Path]:
    """Where the tables of imported responses lie in the folder `out`, by name, as in a project's data."""
    return {
        "prompts": out / f"prompts/{iteration}.parquet",
        "generations": out / f"generations/{iteration}",
        "scores": out / f"scores/{iteration}/{judge}.parquet",
        "rewards": out / f"rewards/{iteration}.parquet",
        "rejects": out / f"rejects/{source}.parquet",
    }


def refuse_present(paths: Mapping[str, Path], out: Path, iteration: str) -> None:
    """Raises `StorageError` where one of the tables is there; what a `place` that was killed had moved goes first."""
    if (work := _work(out, iteration)).is_file():
        moved = work.read_text().splitlines()
        for path in paths.values():  # these alone, whatever the file may name
            if str(path.relative_to(out)) in moved:
                _remove(path)
        work.unlink()
    _remove(_waiting(out, iteration))
    if present := [str(path) for path in paths.values() if os.path.lexists(path)]:
        raise StorageError(f"{', '.join(present)}: exists\n  name another --out, or remove it")


def place(made: Mapping[str, pl.DataFrame], paths: Mapping[str, Path], out: Path, iteration: str) -> None:
    """Writes the tables beside their places, then moves each there; `scores` are the rewards, by their judge.

    While they are moved, a file names them, so that after a kill `refuse_present` can take them away again.
    """
    waiting, work = _waiting(out, iteration), _work(out, iteration)
    found = {**made, "scores": made["rewards"]}
    due = {name: path for name, path in paths.items() if name != "rejects" or found[name].height}
    try:
        for name in due:
            if name == "generations":
                tables.write_parts([("part-00000", found[name])], waiting / name, SCHEMAS[name])
            else:
                tables.write(found[name], waiting / name, SCHEMAS[name])
        work.write_text("".join(f"{path.relative_to(out)}\n" for path in due.values()))
        for name, path in due.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            os.replace(waiting / name, path)
    except BaseException:
        for path in due.values() if work.exists() else ():
            _remove(path)
        raise
    finally:
        work.unlink(missing_ok=True)
        _remove(waiting)


def _waiting(out: Path, iteration: str) -> Path:
    return out / f".import-{iteration}.partial"


def _work(out: Path, iteration: str) -> Path:
    return out / f".import-{iteration}.placing"


def _remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
