"""A stage's signature is its command line: `cli.run(main)` turns parameters into required flags.

Errors that this package raises on purpose are printed without a traceback, and the process exits with 1.
"""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Callable
from typing import Any, get_type_hints

from rlhf_data.errors import RlhfDataError


def run(main: Callable[..., None]) -> None:
    """Calls `main` with what the command line says; each parameter is one required flag of its type."""
    doc = inspect.getdoc(sys.modules[main.__module__])
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, kind in get_type_hints(main).items():
        if name != "return":
            parser.add_argument(f"--{name.replace('_', '-')}", type=kind, required=True, metavar=kind.__name__.upper())
    arguments: dict[str, Any] = vars(parser.parse_args())
    try:
        main(**arguments)
    except RlhfDataError as error:
        sys.exit(f"{type(error).__name__}: {error}")
