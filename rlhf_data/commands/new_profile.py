"""`rlhf-data new-profile`: a profile of one's own sources, from one that runs."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from rlhf_data import params
from rlhf_data.cleaning import inspection
from rlhf_data.commands import inspect
from rlhf_data.commands.projects import Project, refuse_unless_new
from rlhf_data.errors import ParamsError
from rlhf_data.sources.formats import KINDS
from rlhf_data.storage.atomic import atomically

# What a profile says of its own sources alone, and what a profile of others' starts with
INGEST = """\
ingest: # what is read; `rlhf-data inspect FILE` says how
  root: . # folder that paths start from
  max_chars: 20000 # of a row's texts; longer ones are rejected
  markup: keep # texts with special tokens of a chat template are counted; or reject
  sources:
"""
OTHERS = {
    r"^  contamination:(?: #.*)?\n(?:    .*\n)+": "  contamination: null # evaluation sets of yours\n",
    r"^  min_margin: \{.*\n": "  min_margin: {} # by source, in its own scores\n",
    r"^mix:.*\n(?:  .*\n)+": "mix:\n  all: {sources: null, max_pairs: null, max_test_pairs: null} # all of yours\n",
    r"^  complete:.*\n": "  complete: []\n",
    r"^(benchmark_pairs:.*\n  root:).*\n": "\\1 .\n",
    r"^  # From the GitHub repositories.*\n(?:  #.*\n)*": "",
    r"^  sets:\n(?:    .*\n)+": "  sets: {} # benchmarks of judges, as sources of preferences by test and subset\n",
    r"^  select_by: gold_reward.*\n": "  select_by: reward # no gold reward is known of your prompts\n",
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
    origin: Annotated[str, typer.Option("--from", help="The profile whose numbers it starts from.")] = "real",
) -> None:  # fmt: skip
    """Write a commented profile with your own sources in the place of another's, ready to edit."""
    if not re.fullmatch(r"[a-z][a-z0-9_-]*", name):
        raise ParamsError(f"{name!r}: a profile's name is small letters, digits, _ and -, a letter first")
    path = project / f"params/{name}.yaml"
    refuse_unless_new(path)
    params.load_profile(origin, project)  # what is wrong there would be wrong here
    text = (project / f"params/{origin}.yaml").read_text(encoding="utf8")
    made = profile(text, origin, sources(source, project))
    atomically(path, lambda partial: partial.write_text(made, encoding="utf8"))
    params.load_profile(name, project)
    print(f"{path}: written; put `profile: {name}` into params.yaml, then `dvc repro`")


def sources(files: list[Path], project: Path) -> list[str]:
    """A line of `ingest.sources` per file; where none holds prompts, those of a file that holds more."""
    lines: dict[str, list[str]] = {kind: [] for kind in KINDS}
    asked: list[str] = []
    for file in files:
        fits = inspection.fits(list(islice(inspect.opened(str(file)), inspect.RECORDS)))
        if not fits:
            raise ParamsError(f"{file}: no format keeps any record\n  `rlhf-data inspect {file}` shows what it holds")
        where = file.resolve()
        inside = str(where.relative_to(project) if where.is_relative_to(project) else where)
        stem = re.sub(r"[^a-z0-9_]+", "_", file.name.split(".")[0].lower()).strip("_")
        name = stem if stem[:1].isalpha() else f"mine_{stem}"
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


def profile(text: str, origin: str, lines: list[str]) -> str:
    """The text of a profile with other sources, and without what was said of the sources that it had."""
    head = re.compile(r"\A(?:#.*\n)+")
    made = head.sub("", text)
    made = re.sub(
        r"^ingest:.*\n(?:(?:  .*)?\n)*?(?=\n*^\w)", lambda _: INGEST + "".join(lines), made, flags=re.MULTILINE
    )
    for pattern, instead in OTHERS.items():
        made = re.sub(pattern, instead, made, flags=re.MULTILINE)
    return f"# Your own sources, with the numbers of {origin}.yaml: change what you know better.\n{made}"
