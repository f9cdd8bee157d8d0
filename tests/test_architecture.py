"""What layers do not hold: pure transforms, late heavy imports; dvc.yaml against flags, paths, params and code."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_origin, get_type_hints

import pytest
from ruamel.yaml import YAML

from rlhf_data import cli
from rlhf_data.params.profiles import Params, ProjectParams

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "rlhf_data"
# Rooms and modules that decide no row; `deps` of dvc.yaml name all others that a stage reaches
PLUMBING = {
    "cli",
    "environment",
    "errors",
    "hashing",
    "masking",
    "notes",
    "schemas",
    "params",
    "preload",
    "storage",
    "sql",
    "inference.protocols",
    "sources.readers",
    "sources.records",
}
# Rooms that open files, load models or talk to servers; a transform in any other opens no file
ADAPTERS = {"generation", "inference", "judges", "models", "training"}
IMPURE = (
    PLUMBING
    | ADAPTERS
    | {
        "commands",
        "explore",
        "reports.dvc_plots",
        "sharing.gguf",
        "sharing.placing",
        "sharing.repair",
        "sharing.verify",
        "sources.hub",
    }
)
HEAVY = {"torch", "transformers", "trl", "vllm", "datasets", "accelerate", "ray"}
PIPELINE = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
STAGES = sorted(path.stem for path in (ROOT / "stages").glob("*.py") if path.stem != "__init__")
# `a.b` for rlhf_data/a/b.py, `a` for rlhf_data/a.py and for rlhf_data/a/__init__.py
MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
    if path != PACKAGE / "__init__.py"
}


def among(module: str, rooms: set[str]) -> bool:
    """Whether a module is one of these, or in a room of these."""
    return any(module == room or module.startswith(f"{room}.") for room in rooms)


@cache
def parsed(path: Path) -> ast.Module:
    """The code that runs: what only a type checker reads is left out."""
    tree = ast.parse(path.read_text())
    tree.body = [node for node in tree.body if not ast.unparse(node).startswith("if TYPE_CHECKING:")]
    return tree


def imported(tree: ast.AST) -> Iterator[str]:
    """Full names; of `from a import b` both `a` and `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own(path: Path) -> set[str]:
    """Our modules that a file imports; a package is meant only where none of its modules is."""
    names = {name.removeprefix("rlhf_data.") for name in imported(parsed(path)) if name.startswith("rlhf_data.")}
    found = names & set(MODULES)
    return {name for name in found if not any(other.startswith(f"{name}.") for other in found)}


@pytest.mark.parametrize("module", [module for module in MODULES if not among(module, IMPURE)])
def test_pure_modules_open_no_file(module: str) -> None:
    calls = [ast.unparse(node.func) for node in ast.walk(parsed(MODULES[module])) if isinstance(node, ast.Call)]
    last = [call.split(".")[-1] for call in calls]
    assert [name for name in last if name == "open" or name.startswith(("read_", "write_", "scan_", "sink_"))] == []


@pytest.mark.parametrize("module", MODULES)
def test_heavy_libraries_are_imported_inside_functions_of_adapters(module: str) -> None:
    tree = parsed(MODULES[module])
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    inside = [name for node in functions for name in imported(node) if name.split(".")[0] in HEAVY]
    everywhere = [name for name in imported(tree) if name.split(".")[0] in HEAVY]
    assert set(everywhere) == set(inside)
    assert everywhere == [] or among(module, ADAPTERS | {"sources.hub", "sharing.gguf"})


def script(name: str) -> Path:
    return ROOT / "stages" / f"{name}.py"


def stage(name: str) -> dict[str, Any]:
    return PIPELINE[name].get("do", PIPELINE[name])  # type: ignore[no-any-return]


def paths(name: str, *kinds: str) -> list[str]:
    """What dvc.yaml lists under these keys; an entry with options is a mapping of one."""
    entries = [entry for kind in kinds for entry in stage(name).get(kind, [])]
    return [next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries]


def flags(name: str) -> dict[str, str]:
    """Each flag's value, by the parameter that it fills."""
    command = stage(name)["cmd"].strip()
    started = "${launch} " if name.startswith("train_") else "python -m "
    assert command.startswith(f"{started}stages.{name} ")
    words = command.removeprefix(f"{started}stages.{name} ").split()
    assert all(word.startswith("--") for word in words[::2])
    return {flag[2:].replace("-", "_"): value for flag, value in zip(words[::2], words[1::2], strict=True)}


def within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


def test_every_stage_has_its_script() -> None:
    assert sorted(PIPELINE) == STAGES


def test_the_lock_file_names_no_stage_that_is_gone() -> None:
    locked = YAML(typ="safe").load(ROOT / "dvc.lock")["stages"]
    assert {name.partition("@")[0] for name in locked} <= set(PIPELINE)


def test_every_stage_says_what_it_does() -> None:
    assert [name for name in PIPELINE if not stage(name).get("desc")] == []


@pytest.mark.parametrize("name", sorted(set(PIPELINE) & set(STAGES)))
class TestStage:
    def test_flags_are_the_parameters(self, name: str) -> None:
        main = importlib.import_module(f"stages.{name}").main
        assert list(flags(name)) == list(cli.flags(main))

    def test_paths_are_declared(self, name: str) -> None:
        kinds = cli.flags(importlib.import_module(f"stages.{name}").main)
        given = [value for parameter, value in flags(name).items() if kinds[parameter] is Path]
        declared = paths(name, "deps", "outs", "metrics", "plots")
        assert [path for path in given if not any(within(one, path) for one in declared)] == []
        code = [path for path in declared if path.startswith(("stages/", "rlhf_data/"))]
        assert [one for one in declared if one not in code and not any(within(one, path) for path in given)] == []

    def test_params_are_declared(self, name: str) -> None:
        read, declared = params_read(name), params_declared(name)
        assert {file: {key.split(".")[0] for key in keys} for file, keys in declared.items()} == read
        for keys in declared.values():
            assert len(keys) == len(set(keys))

    def test_declared_params_exist(self, name: str) -> None:
        kinds: dict[str, Any] = {"params.yaml": ProjectParams, "reports/profile.yaml": Params}
        for file, keys in params_declared(name).items():
            for key in keys:
                kind = kinds[file]
                for part in key.split("."):
                    if get_origin(kind) is dict:  # by name, as judges are
                        break
                    assert part in [field.name for field in dataclasses.fields(kind)], key
                    kind = get_type_hints(kind)[part]

    def test_code_that_decides_rows_is_a_dep(self, name: str) -> None:
        declared = [path for path in paths(name, "deps") if path.startswith(("rlhf_data", "stages"))]
        needed = code(name)
        assert sorted(one for one in needed if not any(within(one, path) for path in declared)) == []
        assert sorted(path for path in declared if not any(within(one, path) for one in needed)) == []

    def test_deps_exist(self, name: str) -> None:
        declared = [path for path in paths(name, "deps") if not path.startswith(("data/", "reports/"))]
        assert [path for path in declared if not (ROOT / path).exists()] == []


def params_read(name: str) -> dict[str, set[str]]:
    """The sections that a stage takes from `params.load()` and `params.project()`, by file."""
    tree = parsed(script(name))
    files = {"params.load()": "reports/profile.yaml", "params.project()": "params.yaml"}
    bound = dict(files)
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            (target,) = node.targets
            several = isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple)
            pairs = zip(target.elts, node.value.elts, strict=True) if several else [(target, node.value)]  # type: ignore[attr-defined]
            bound |= {ast.unparse(to): files[ast.unparse(value)] for to, value in pairs if ast.unparse(value) in files}
    read: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and (file := bound.get(ast.unparse(node.value))):
            read.setdefault(file, set()).add(node.attr)
    return read


def params_declared(name: str) -> dict[str, list[str]]:
    return {file: keys for entry in stage(name).get("params", []) for file, keys in entry.items()}


def code(name: str) -> set[str]:
    """The stage, and all that it reaches which decides rows: modules, SQL, page templates; no plumbing."""
    plumbing = PLUMBING - {"params"} if name == "profile" else PLUMBING  # which is about nothing else
    found: set[str] = set()
    ahead = own(script(name))
    while ahead:
        module = ahead.pop()
        if not among(module, plumbing) and module not in found:
            found.add(module)
            ahead |= own(MODULES[module])
            # formats are loaded by name
            ahead |= {one for one in MODULES if module == "sources.formats" and one.startswith("sources.formats.")}
    files = {script(name), *(MODULES[module] for module in found)}
    files |= {template for module in found for template in templates(MODULES[module])}
    for node in ast.walk(parsed(script(name))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "queries.run":
            files.add(PACKAGE / "sql" / f"{ast.literal_eval(node.args[0])}.sql")
    return {str(path.relative_to(ROOT)) for path in files}


def templates(path: Path) -> list[Path]:
    """The Jinja templates that a module gets by their names."""
    named = [node.value for node in ast.walk(parsed(path)) if isinstance(node, ast.Constant)]
    found = [path.with_name(name) for name in named if isinstance(name, str) and name.endswith(".jinja")]
    return [template for template in found if template.exists()]


def loads_no_model(name: str) -> bool:
    return not any(
        within(path, f"rlhf_data/{room}") for path in code(name) for room in ("generation", "judges", "training")
    )


@pytest.mark.parametrize("name", [name for name in STAGES if loads_no_model(name)])
def test_stages_without_a_model_load_no_heavy_library(name: str) -> None:
    started = time.perf_counter()
    asked = f"import sys, stages.{name}; print(*sorted(set(sys.modules) & {HEAVY!r}))"
    done = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True)
    print(f"stages.{name} starts in {time.perf_counter() - started:.2f} s")
    assert done.stdout.split() == []


def test_these_stages_load_no_model() -> None:
    light = ["ingest", "lengths", "mix", "tokenizer", "prompts", "table5", "report_cleaning", "report_mixes", "pair",
             "report_policy", "report"]  # fmt: skip
    assert [name for name in light if not loads_no_model(name)] == []
