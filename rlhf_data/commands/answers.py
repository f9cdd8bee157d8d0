"""What `sql` and `ask` share: one statement → its rows, on the terminal or in a file."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rlhf_data.commands import terminal
from rlhf_data.commands.projects import refuse_unless_new
from rlhf_data.errors import StorageError, TableError
from rlhf_data.sql import catalog, confined, statements
from rlhf_data.storage.atomic import atomically, is_full

if TYPE_CHECKING:
    import duckdb


FORMULA = r"^\s*[=+\-@\t\r]"  # how what a spreadsheet computes begins


class Format(StrEnum):
    """How rows are written; all but `table` are whole."""

    TABLE = "table"
    CSV = "csv"
    SPREADSHEET = "spreadsheet"  # CSV, of which no cell is a formula
    JSON = "json"
    PARQUET = "parquet"


At = Annotated[
    list[str],
    typer.Option(
        default_factory=list,
        show_default=False,
        metavar="REV",
        help='A Git tag, branch or commit, without checkout; again for several: "v1".pairs, "v2".pairs, now.pairs.',
    ),
]
Given = Annotated[
    list[str],
    typer.Option(
        "--param", default_factory=list, show_default=False, metavar="NAME=VALUE", help="A $parameter's value."
    ),
]
Written = Annotated[
    Format | None,
    typer.Option(
        "--format",
        help="Default: table, or as the suffix of --out says. spreadsheet: CSV in which no text is a formula.",
    ),
]
Out = Annotated[Path | None, typer.Option(help="A new file to write instead of the terminal.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Rows that a table on the terminal shows.")]


def parameters(given: Sequence[str]) -> dict[str, Any]:
    """Values of `name=value`, typed as JSON types them (2, 0.5, true, null, [1, 2]); what is no JSON is text."""
    found = {}
    for one in given:
        name, equals, text = one.partition("=")
        if not equals:
            raise typer.BadParameter(f"{one}: write it as NAME=VALUE", param_hint="--param")
        try:
            found[name.removeprefix("$")] = json.loads(text)
        except ValueError:
            found[name.removeprefix("$")] = text
    return found


def chosen(project: Path, written: Format | None, out: Path | None) -> Format:
    """The format asked for, or that of the file's suffix; raises `StorageError` where `out` is not a new path."""
    if out is None:
        if written is Format.PARQUET and sys.stdout.isatty():
            raise typer.BadParameter("parquet is not for a terminal; give --out", param_hint="--format")
        return written or Format.TABLE
    files = [one for one in Format if one is not Format.TABLE]
    found = written or next((one for one in files if out.suffix == f".{one}"), None)
    if found is None or found not in files:
        raise typer.BadParameter(f"{out}: a file is csv, json or parquet", param_hint="--out")
    refuse_unless_new(out, project)
    return found


def give(
    project: Path,
    statement: statements.Statement,
    values: Mapping[str, Any],
    *,
    at: Sequence[str],
    written: Format,
    out: Path | None,
    limit: int | None,
) -> None:
    """Answers one statement, with those of the values that are its own; raises `TableError` where it cannot."""
    own = {name: value for name, value in values.items() if name in statement.parameters}
    tables = statements.tables_of(project, statement, at=at)
    if re.match(r"\s*(show|summarize|describe)\b", statement.text, re.IGNORECASE) and not tables.paths():
        print(f"no table is here: {statements.ABSENT}", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "answer"
        try:
            _confined(lambda: _answer(tables, statement, own, rows, written, limit), Path(folder))
        except (OSError, TableError) as error:
            if is_full(error):
                raise StorageError(f"{folder}: no room for the answer\n  TMPDIR names another folder for it") from error
            raise
        if out:
            return atomically(out, lambda partial: shutil.copyfile(rows, partial))
        if written is Format.PARQUET:
            sys.stdout.flush()
            with rows.open("rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()
        else:
            with rows.open(encoding="utf8", errors="backslashreplace", newline="") as lines:
                for line in lines:
                    print(terminal.clean(line), end="")


def _confined(work: Callable[[], None], scratch: Path) -> None:
    """Calls `work` where no file can be written but in `scratch`; in this process where the system cannot do that."""
    if confined.lacking():
        return work()

    def restricted() -> None:
        confined.restrict(scratch)
        work()

    confined.child(restricted, method="fork")


def _answer(
    tables: catalog.Located,
    statement: statements.Statement,
    values: Mapping[str, Any],
    path: Path,
    written: Format,
    limit: int | None,
) -> None:
    with statements.answered(tables, statement, values, scratch=path.parent) as answer:
        if written is Format.TABLE:
            with path.open("w", encoding="utf8") as file, contextlib.redirect_stdout(file):
                answer.show(max_rows=limit, max_width=terminal.columns())
        else:
            _save(answer, path, written)


def _without_formulas(answer: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    """Texts that a spreadsheet would take for formulas, after an apostrophe, which it takes for the mark of a text."""
    from duckdb import CaseExpression, ColumnExpression, ConstantExpression, FunctionExpression

    mark = ConstantExpression("'")
    columns = []
    for name, kind in zip(answer.columns, answer.types, strict=True):
        cell = ColumnExpression(name)
        if kind.id in ("varchar", "enum", "json"):
            text = cell.cast("varchar")
            begins = FunctionExpression("regexp_matches", text, ConstantExpression(FORMULA))
            cell = CaseExpression(begins, FunctionExpression("concat", mark, text)).otherwise(text)
        columns.append(cell.alias(f"'{name}" if re.match(FORMULA, name) else name))
    return answer.select(*columns)


def _save(answer: duckdb.DuckDBPyRelation, path: Path, written: Format) -> None:
    if written is Format.CSV:
        answer.to_csv(str(path), header=True)
    elif written is Format.SPREADSHEET:
        _without_formulas(answer).to_csv(str(path), header=True)
    elif written is Format.PARQUET:
        answer.to_parquet(str(path), compression="zstd")
    else:
        rows = answer.query("rlhf_data_answer", "select to_json(rlhf_data_answer) from rlhf_data_answer")
        assert rows is not None
        with path.open("w", encoding="utf8") as file:
            between = "[\n"
            for batch in rows.to_arrow_reader():
                for row in batch.column(0).to_pylist():
                    file.write(between + row)
                    between = ",\n"
            file.write("[]\n" if between == "[\n" else "\n]\n")
