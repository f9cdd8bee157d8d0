"""`rlhf-data new-profile`: a profile of one's own sources, from one that runs."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from itertools import chain, count, islice
from pathlib import Path
from typing import Annotated

import typer
from ruamel.yaml import YAML
from ruamel.yaml.nodes import CollectionNode, Node

from rlhf_data import params
from rlhf_data.cleaning import inspection
from rlhf_data.commands import inspect
from rlhf_data.commands.projects import Project, refuse_unless_new
from rlhf_data.errors import ParamsError
from rlhf_data.sources.formats import KINDS
from rlhf_data.storage.atomic import atomically

# What a profile says of its own sources alone, and how it starts where another speaks of its sources; with comments
INGEST = """ # what is read; `rlhf-data inspect FILE` says how
  root: . # folder that paths start from
  max_chars: 20000 # of a row's texts; longer ones are rejected
  markup: keep # texts with special tokens of a chat template are counted; or reject
  sources:
"""
OTHERS = {
    ("clean", "contamination"): " null # evaluation sets of yours",
    ("clean", "min_margin"): " {} # by source, in its own scores",
    ("mix",): " # by name\n  all: {sources: null, max_pairs: null, max_test_pairs: null} # all of yours",
    ("table5", "complete"): " []",
    ("benchmark_pairs", "root"): " .",
    ("benchmark_pairs", "sets"): " {} # benchmarks of judges, as sources of preferences by test and subset",
    ("report", "select_by"): " reward # no gold reward is known of your prompts",
}
HEAD = re.compile(r"\A(?:#.*\n)+")


def main(
    project: Project,
    name: Annotated[str, typer.Argument(help="Of the new profile: params/NAME.yaml.")],
    source: Annotated[
        list[Path],
        typer.Option(
            default_factory=list, show_default=False, exists=True, dir_okay=False,
            help="A file of yours; again for several. Where none holds a kind, the embedded world's stands in.",
        ),
    ],
    origin: Annotated[str, typer.Option("--from", help="The profile whose numbers it starts from.")] = "real",
) -> None:  # fmt: skip
    """Write a commented profile with your own sources in the place of another's, ready to edit."""
    if not re.fullmatch(r"[a-z][a-z0-9_-]*", name) or YAML(typ="safe").load(name) != name:
        raise ParamsError(
            f"{name!r}: a profile's name is small letters, digits, _ and -, a letter first, and no word of YAML's"
        )
    path = project / f"params/{name}.yaml"
    refuse_unless_new(path)
    params.load_profile(origin, project)  # what is wrong there would be wrong here
    text = (project / f"params/{origin}.yaml").read_text(encoding="utf8")
    made = profile(text, origin, sources(source, project))
    params.parsed(made, str(path))  # before it is there
    atomically(path, lambda partial: partial.write_text(made, encoding="utf8"))
    print(f"{path}: written; put `profile: {name}` into params.yaml, then `dvc repro`")


def sources(files: list[Path], project: Path) -> list[str]:
    """A line of `ingest.sources` per file; where none holds prompts, those of a file that holds more."""
    lines: dict[str, list[str]] = {kind: [] for kind in KINDS}
    asked: list[str] = []
    taken = {f"world_{kind}" for kind in KINDS}
    for file in files:
        fits = inspection.fits(list(islice(inspect.opened(str(file)), inspect.RECORDS)))
        if not fits:
            raise ParamsError(f"{file}: no format keeps any record\n  `rlhf-data inspect {file}` shows what it holds")
        where = file.resolve()
        inside = str(where.relative_to(project) if where.is_relative_to(project) else where)
        name = named(file, taken)
        taken |= {name, f"{name}_prompts"}
        lines[fits[0].source["kind"]].append(f"    {name}: {inspect.line(inside, None, fits[0].source)}\n")
        for fit in [one for one in fits if one.source["kind"] == "prompts"][:1]:
            asked.append(f"    {name}_prompts: {inspect.line(inside, None, fit.source)}\n")
    lines["prompts"] = lines["prompts"] or asked[:1]
    for kind in KINDS:
        if not lines[kind]:
            lines[kind] = [
                f"    # {kind} are missing: until there are some, the embedded world's stand here\n",
                f"    world_{kind}: {{format: world, kind: {kind}, rows: 2000}}\n",
            ]
    return [line for kind in KINDS for line in lines[kind]]


def named(file: Path, taken: Collection[str]) -> str:
    """A source's name, of its file's: `Votes 2.csv` → `votes_2`; with a number where another has it."""
    stem = re.sub(r"[^a-z0-9_]+", "_", file.name.split(".")[0].lower()).strip("_")
    name = stem if stem[:1].isalpha() else f"mine_{stem}".rstrip("_")
    numbered = (f"{name}_{number}" for number in count(2))
    return next(one for one in chain([name], numbered) if one not in taken)


def profile(text: str, origin: str, lines: list[str]) -> str:
    """The text of a profile with other sources, and without what was said of the sources that it had."""
    made = replaced(HEAD.sub("", text), ("ingest",), INGEST + "".join(lines).rstrip())
    for path, value in OTHERS.items():
        made = replaced(made, path, value)
    return f"# Your own sources, with the numbers of {origin}.yaml: change what you know better.\n{made}"


def replaced(text: str, path: Sequence[str], value: str) -> str:
    """YAML with another `value` at `path`, and all that is said of other values; as it is where `path` leads nowhere.

    What was said of the old value goes with it: its own comments, and those above its key.
    """
    node = YAML(typ="safe", pure=True).compose(text)
    flow, key = False, node
    for name in path:
        flow = flow or node.flow_style is True
        found = [pair for pair in node.value if pair[0].value == name]
        if not found:
            return text
        key, node = found[0]
    before, after = text[: key.end_mark.index], text[_end(node) :]
    if flow:
        return f"{before}:{value.split(' #')[0]}{after}"
    if "#" in value:
        after = re.sub(r"\A[ \t]*#.*", "", after)
    if isinstance(node, CollectionNode):
        before = re.sub(r"(?:^ *#.*\n)+( *\S+)\Z", r"\1", before, flags=re.MULTILINE)
    return f"{before}:{value}{after}"


def _end(node: Node) -> int:
    """Where a value's last character is: that of a block's last value, without the comments that follow it."""
    if not isinstance(node, CollectionNode) or node.flow_style or not node.value:
        return int(node.end_mark.index)
    last = node.value[-1]
    return _end(last[1] if isinstance(last, tuple) else last)
