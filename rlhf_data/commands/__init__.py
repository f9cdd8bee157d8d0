"""The `rlhf-data` command: one module per subcommand, each a function `main` whose signature is its command line.

Where io and pure meet for a person at a terminal, as stages are where they meet for DVC. A new subcommand is one line
of `MODULES`; its `project` parameter is a `projects.Project`. Only the module that is asked for is loaded: a query is
answered before all of them would be.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from rlhf_data.commands import terminal
from rlhf_data.errors import RlhfDataError
from rlhf_data.storage import git

MODULES = {  # by the subcommand's name
    "sql": "sql",
    "tables": "tables",
    "queries": "queries",
    "ask": "ask",
    "diff": "diff",
    "status": "status",
    "check": "check",
    "repro": "repro",
    "doctor": "doctor",
    "verify": "verify",
    "export": "export",
    "import": "imports",
    "explore": "explore",
    "inspect": "inspect",
    "new-profile": "new_profile",
    "convert": "convert",
    "annotate": "annotate",
    "demo": "demo",
    "clean": "clean",
    "push": "push",
}


class Group(TyperGroup):
    """The subcommands, each loaded when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of the subcommands."""
        return list(MODULES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The subcommand of a name; None where there is none."""
        if cmd_name not in MODULES:
            return None
        alone = typer.Typer(add_completion=False, rich_markup_mode=None)
        alone.command(cmd_name)(importlib.import_module(f"{__name__}.{MODULES[cmd_name]}").main)
        return typer.main.get_command(alone)


app = typer.Typer(
    cls=Group, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
)


@app.callback()
def described() -> None:
    """Ask, compare and share the tables of an rlhf-data project; `dvc repro` makes them."""


def main() -> None:
    """The console script: an error raised on purpose, or by the system, is one line, `Kind: message`, and exit 1."""
    terminal.guard()
    git.run_nothing()
    try:
        app()
    except (RlhfDataError, OSError) as error:  # a file that is gone, a disk that is full, a server that is down
        sys.exit(terminal.clean(f"{type(error).__name__}: {error}"))
