"""`rlhf-data new-profile`: a profile of one's own sources, from one that runs."""

from __future__ import annotations

import io
import re
from collections.abc import Collection
from itertools import chain, count, islice
from pathlib import Path
from typing import Annotated, Any

import typer
from ruamel.yaml import YAML

from rlhf_data import params
from rlhf_data.cleaning import inspection
from rlhf_data.commands import inspect
from rlhf_data.commands.projects import Project, refuse_unless_new
from rlhf_data.errors import ParamsError
from rlhf_data.params import merging, yaml_text
from rlhf_data.sources.formats import KINDS
from rlhf_data.storage.atomic import atomically

# What a profile says of its own sources alone
TEXT = """\
# Your own sources. What is not said is as in params/{origin}.yaml; reports/profile.yaml shows all of it.
from: {origin}

ingest:
  root: . # folder that paths start from
  max_chars: 20000 # of a row's texts; longer ones are rejected
  markup: keep # texts with special tokens of a chat template are counted; or reject
  sources: # what is read; `rlhf-data inspect FILE` says how
{sources}
clean:
  min_margin: {{}} # by source, in its own scores
  contamination: null # evaluation sets of yours
mix: # by name
  all: {{sources: null, max_pairs: null, max_test_pairs: null}} # all of yours
table5: {{complete: []}}
benchmark_pairs: {{root: ., sets: {{}}}} # benchmarks of judges, as sources of preferences by test and subset
report: {{select_by: reward}} # no gold reward is known of your prompts

# What is changed first, as params/{origin}.yaml has it; take the # away
{first}"""
FIRST = {
    "train_sft": ("base", "epochs", "learning_rate"),
    "prompts": ("per_iteration", "dev", "test"),
    "generate": ("samples", "max_tokens"),
    "pair": ("length_penalty",),
    "train_policy": ("beta", "learning_rate"),
}


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
    origin: Annotated[str, typer.Option("--from", help="The profile that it leaves all other numbers to.")] = "real",
) -> None:  # fmt: skip
    """Write a short profile with your own sources, that leaves all it does not say to another's, ready to edit."""
    if not re.fullmatch(r"[a-z][a-z0-9_-]*", name) or YAML(typ="safe").load(name) != name:
        raise ParamsError(
            f"{name!r}: a profile's name is small letters, digits, _ and -, a letter first, and no word of YAML's"
        )
    path = project / f"params/{name}.yaml"
    refuse_unless_new(path)
    values = merging.merged(origin, project)
    params.checked(values, str(project / f"params/{origin}.yaml"))  # what is wrong there would be wrong here
    made = text(origin, sources(source, project), values)
    params.checked(merging.over(yaml_text.loaded(made, str(path)), name, project), str(path))  # before it is there
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


def text(origin: str, lines: list[str], values: dict[str, Any]) -> str:
    """A profile of these sources, from another of these values."""
    yaml, first = YAML(typ="safe", pure=True), io.StringIO()
    yaml.default_flow_style, yaml.width = None, 120
    yaml.dump({section: {name: values[section][name] for name in names} for section, names in FIRST.items()}, first)
    commented = "".join(f"# {line}\n" for line in first.getvalue().splitlines())
    return TEXT.format(origin=origin, sources="".join(lines), first=commented)
