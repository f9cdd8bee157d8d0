"""`rlhf-data queries`: the questions that `rlhf-data ask` answers."""

from __future__ import annotations

from rlhf_data.sql import queries, statements


def main() -> None:
    """List the questions in rlhf_data/sql, with the parameters each wants."""
    for name in queries.names():
        text = queries.text(name)
        (statement,) = statements.parse(text)
        wanted = "".join(f" --param {one}=…" for one in sorted(statement.parameters))
        print(f"{name}{wanted}\n    {text.splitlines()[0].removeprefix('-- ')}")
