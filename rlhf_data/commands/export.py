"""`rlhf-data export`: a table as a folder that `datasets.load_dataset` and TRL open as it is, with a data card."""

from __future__ import annotations

import inspect
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import dataframely as dy
import polars as pl
import typer

from rlhf_data import params, schemas
from rlhf_data.commands.projects import Project, refuse_unless_new
from rlhf_data.errors import ParamsError, StorageError, TableError
from rlhf_data.reports import mix_card
from rlhf_data.schemas import Generations, Prompts, Rewards
from rlhf_data.sharing import exchange, export_card
from rlhf_data.sources import formats
from rlhf_data.sql.layout import TABLES
from rlhf_data.storage import part_files, revisions, tables
from rlhf_data.storage.atomic import atomically

Layout = Literal["hf", "jsonl", "trl", "responses_rewards"]
SUFFIXES = {"hf": "parquet", "trl": "parquet", "jsonl": "jsonl", "responses_rewards": "jsonl"}
ONE_FILE_A_SPLIT = ("mixes", "preferences", "prompts")  # other folders hold the parts of one table


def main(
    project: Project,
    table: Annotated[str, typer.Argument(metavar="TABLE", help="As mixes/all, pairs/iter1 or generations/iter1.")],
    out: Annotated[Path, typer.Option(help="The new folder.")],
    layout: Annotated[Layout, typer.Option("--format", help="See above.")] = "hf",
    at: Annotated[str | None, typer.Option(metavar="REV", help="As that Git revision has it.")] = None,
) -> None:
    """Write a table to a new folder, with a data card.

    hf: our columns, Parquet. jsonl: the same as JSON lines. trl: the columns that TRL's trainers read.
    responses_rewards, of generations: a record per prompt, with all its responses and their rewards.
    """
    name = table.removeprefix("data/").removesuffix(".parquet").rstrip("/")
    kind = name.split("/")[0]
    _refuse(table, kind, layout)
    refuse_unless_new(out, project)
    schema = getattr(schemas, TABLES[kind].schema)
    suffix, rows, kept = SUFFIXES[layout], Counter[str](), pl.Schema()
    origin = revisions.commit(project, at)

    def save(partial: Path) -> None:
        (partial / "data").mkdir(parents=True)
        for number, (split, part) in enumerate(_parts(root, name, layout, schema)):
            to = partial / "data" / f"{split}-{number:05}.{suffix}"
            part.write_ndjson(to) if suffix == "jsonl" else tables.to_parquet(part, to)
            kept.update(part.schema)
            rows[split] += part.height
        if not rows:
            raise TableError(f"{table}: no rows to export")
        text = export_card.card(
            name,
            describes=str(inspect.getdoc(schema)),
            layout=layout,
            splits=[export_card.Split(split, number, f"data/{split}-*.{suffix}") for split, number in rows.items()],
            columns=export_card.columns(schema, kept),
            origins=_origins(root, kind),
            origin=origin,
        )
        (partial / "README.md").write_text(text, encoding="utf8")

    with _root(project, name, at) as root:
        atomically(out, save)
    print(f"{out}: {name} as {layout}: {', '.join(f'{split} {number} rows' for split, number in rows.items())}")


def _refuse(table: str, kind: str, layout: Layout) -> None:
    known = ["generations"] if layout == "responses_rewards" else list(TABLES)
    if kind not in known:
        raise TableError(f"{table}: cannot be exported as {layout}; these can: {', '.join(known)}")


@contextmanager
def _root(project: Path, name: str, at: str | None) -> Iterator[Path]:
    """The project, or a folder laid out like it that holds the table of a revision and what belongs to it."""
    if at is None:
        yield project
        return
    others = [name.replace("generations", one, 1) for one in ("prompts", "rewards")]
    with tempfile.TemporaryDirectory() as folder:
        paths = [f"data/{one}{end}" for one in dict.fromkeys([name, *others]) for end in ("", ".parquet")]
        found = revisions.checkout(project, ["params.yaml", "params", *paths], at=at, into=Path(folder))
        if not {Path(folder) / f"data/{name}{end}" for end in ("", ".parquet")} & {*found}:
            raise StorageError(
                f"{name} at {at}: not of that version, or neither in the cache nor on the remote\n"
                f"  `rlhf-data verify --at {at}` says which"
            )
        yield Path(folder)


def _parts(root: Path, name: str, layout: Layout, schema: type[dy.Schema]) -> Iterator[tuple[str, pl.DataFrame]]:
    """The rows to write, part by part, each with its split; an empty split is left out, with a line that says so."""
    path, kind = root / "data" / name, name.split("/")[0]
    files = part_files.of(path) if path.is_dir() else [path.with_name(f"{path.name}.parquet")]
    if layout == "responses_rewards":
        prompts, rewards = (root / f"data/{one}{name.removeprefix(kind)}.parquet" for one in ("prompts", "rewards"))
        said = tables.read(path, Generations)
        yield "train", exchange.scored_records(tables.read(prompts, Prompts), said, tables.read(rewards, Rewards))
        return
    for file in files:
        split = file.stem if path.is_dir() and kind in ONE_FILE_A_SPLIT else "train"
        rows = tables.read(file, schema)
        if rows.is_empty():
            print(f"{name}: {split} has no rows, and is left out")
            continue
        yield split, exchange.trl(rows) if layout == "trl" else rows.with_columns(pl.col(pl.Enum).cast(pl.String))


def _origins(root: Path, kind: str) -> dict[str, mix_card.Origin] | None:
    """The sources of a table's rows, as that revision's params have them; of what models wrote, the prompts'."""
    try:
        profile = params.load_profile(params.project(root).profile, root)
    except ParamsError:  # another version's
        return None
    wanted = {"mixes": "preferences", "preferences": "preferences", "instructions": "instructions"}.get(kind, "prompts")
    found = {name: source for name, source in profile.ingest.sources.items() if source.kind == wanted}
    return mix_card.origins(found, {name: formats.about(one.format) for name, one in found.items()}, seed=profile.seed)
