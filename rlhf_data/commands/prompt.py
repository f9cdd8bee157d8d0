"""The prompt of `rlhf-data sql`: statements end with `;`, what goes wrong is one line, and the prompt goes on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rlhf_data.commands import answers
from rlhf_data.errors import RlhfDataError
from rlhf_data.sql import statements
from rlhf_data.sql.layout import NAMES

HISTORY = Path.home() / ".rlhf_data_history"
TABLES = "select schema_name as version, view_name as name from duckdb_views() where not internal order by all"
HELP = "statements end with ;   .tables lists the tables   .quit or Ctrl-D leaves   Ctrl-C drops the line"


def run(project: Path, *, at: Sequence[str], limit: int | None, history: Path = HISTORY) -> None:
    """Asks until the person leaves."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import WordCompleter
    from prompt_toolkit.history import FileHistory

    words = WordCompleter([*NAMES, ".tables", ".help", ".quit"], ignore_case=True)
    session: PromptSession[str] = PromptSession(history=FileHistory(str(history)), completer=words)
    print(HELP)
    waiting = ""
    while True:
        try:
            line = session.prompt("... " if waiting else "sql> ")
        except KeyboardInterrupt:
            waiting = ""
            continue
        except EOFError:
            return
        if not waiting and line.strip() in (".quit", ".exit"):
            return
        if not waiting and line.strip().startswith("."):
            line = f"{TABLES};" if line.strip() == ".tables" else _help()
        waiting += f"{line}\n"
        if line.rstrip().endswith(";") or not waiting.strip():
            _answer(project, waiting, at=at, limit=limit)
            waiting = ""


def _help() -> str:
    print(HELP)
    return ""


def _answer(project: Path, text: str, *, at: Sequence[str], limit: int | None) -> None:
    try:
        asked = statements.parse(text)
        statements.matched(asked, {})
        for statement in asked:
            answers.give(project, statement, {}, at=at, written=answers.Format.TABLE, out=None, limit=limit)
    except RlhfDataError as error:
        print(f"{type(error).__name__}: {error}")
