"""params.yaml and params/<profile>.yaml, read and checked before anything is loaded.

The numbers live in the YAML files and their types and ranges in `sections.py`; no number has a default.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from rlhf_data.errors import ParamsError
from rlhf_data.params.sections import Params, Project

P = TypeVar("P")


def project() -> Project:
    """params.yaml; raises `ParamsError` where its iterations are no chain from iter0."""
    found = _read(Path("params.yaml"), Project)
    chain = [f"iter{t}" for t in range(len(found.iterations) + 1)]
    if list(found.iterations) != chain[1:] or [i.prev for i in found.iterations.values()] != chain[:-1]:
        raise ParamsError("params.yaml: iterations must run iter1, iter2, … each with the one before as `prev`")
    if found.policies != chain:
        raise ParamsError(f"params.yaml: policies must be iter0 and every iteration, in order: {', '.join(chain)}")
    return found


def load() -> Params:
    """The profile that params.yaml names; raises `ParamsError` where it lacks its mix or a judge of its."""
    wanted = project()
    profile = load_profile(wanted.profile)
    if wanted.mix not in profile.mix:
        raise ParamsError(f"params.yaml: mix: {wanted.profile} has no {wanted.mix!r}; it has: {', '.join(profile.mix)}")
    known, scored = set(profile.judges), set(wanted.scored_by)
    if unknown := sorted({*scored, *wanted.tested, wanted.second_judge} - known):
        raise ParamsError(
            f"params.yaml: {wanted.profile} has no judge {', '.join(unknown)}; it has: {', '.join(sorted(known))}"
        )
    if unscored := sorted(set(profile.rank.judges) - scored):
        raise ParamsError(f"rank.judges: {', '.join(unscored)} must be in params.yaml's `scored_by` to score responses")
    return profile


def load_profile(profile: str) -> Params:
    """params/<profile>.yaml; raises `ParamsError` with one line per broken value."""
    path = Path("params") / f"{profile}.yaml"
    if not path.exists():
        known = ", ".join(sorted(found.stem for found in Path("params").glob("*.yaml")))
        raise ParamsError(f"params.yaml: profile {profile!r} has no file {path}; there are: {known}")
    return _read(path, Params)


def _read(path: Path, kind: type[P]) -> P:
    # DVC reads YAML 1.2 with ruamel too; PyYAML would take 5e-7 for text
    try:
        values = YAML(typ="safe").load(path)
    except FileNotFoundError as error:
        raise ParamsError(f"{path}: absent; run this from the project's root") from error
    except YAMLError as error:
        raise ParamsError(f"{path}: not YAML: {error}") from error
    try:
        return TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        lines = "".join(
            f"\n  {'.'.join(str(part) for part in problem['loc']) or '(top)'}: {problem['msg']}"
            for problem in error.errors()
        )
        raise ParamsError(f"{path}: {error.error_count()} wrong value(s){lines}") from error


def number(iteration: str) -> int:
    """The paper's t of `iter<t>`."""
    return int(iteration.removeprefix("iter"))
