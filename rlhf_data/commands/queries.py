"""`rlhf-data queries`: the named queries that `rlhf-data ask` runs."""

from __future__ import annotations

from rlhf_data.sql import queries, statements


def main() -> None:
    """List the named queries of rlhf_data/sql, with their parameters."""
    for name in queries.names():
        text = queries.text(name)
        (statement,) = statements.parse(text)
        wanted = "".join(f" --param {one}=…" for one in sorted(statement.parameters))
        print(f"{name}{wanted}\n    {text.splitlines()[0].removeprefix('-- ')}")
