"""What `check` and `doctor` find, one line each with what to do."""

from __future__ import annotations

from collections.abc import Iterable

import typer

from rlhf_data import masking

Finding = tuple[str, str]  # ok, warning or problem; what was found, and after " — " what to do


def told(found: Iterable[Finding]) -> None:
    """Prints findings as they come; exits with 1 where one is a problem."""
    problems = 0
    for level, text in found:
        print(f"{level:<8} {text}", flush=True)
        problems += level == "problem"
    if problems:
        raise typer.Exit(1)


def fault(place: str, error: Exception) -> Finding:
    """The problem that an error is, whose second line is the way out."""
    return "problem", f"{place}: {masking.line(error).replace('; ', ' — ', 1)}"
