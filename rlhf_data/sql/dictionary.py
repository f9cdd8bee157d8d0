"""What every table, view and column means: one row per what, keys, and each column in a line."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from rlhf_data.sql import catalog, queries
from rlhf_data.sql.layout import TABLES, VIEW_ROWS, VIEWS

if TYPE_CHECKING:
    import duckdb

EXAMPLES = {  # questions with their answers in SQL, for who does not know the tables yet
    "Rewards and lengths by iteration": """select iteration, avg(reward) as reward, avg(response_chars) as chars
from scored
group by all
order by all""",
    "The same test prompt, answered by each policy": """select prompt_id, policy, reward, response
from evaluations
where split = 'test'
order by prompt_id, policy
limit 20""",
    "Pairs whose chosen response is much the longer": """select iteration, chosen, rejected, margin
from paired
where chosen_chars > 2 * rejected_chars
order by chosen_chars desc
limit 20""",
    "Records that were dropped, by step, source and rule": """select step, source, rule, count(*) as records
from rejects
group by all
order by records desc""",
    "Responses that are in no pair, by rule": """select iteration, rule, count(*) as responses
from pair_rejects
group by all
order by all""",
}


@dataclass(frozen=True)
class Described:
    """A table or view: what one row of it is, the columns that name a row, and all columns with what they mean."""

    name: str
    about: str
    key: tuple[str, ...]
    columns: dict[str, str]


def table(name: str) -> Described:
    """The table's description; what its paths tell stands first among the columns."""
    from rlhf_data import schemas

    place, schema = TABLES[name], getattr(schemas, TABLES[name].schema)
    columns = {column: schemas.COLUMNS[column] for column in place.columns}
    columns |= schemas.meanings(schema)
    return Described(name, place.about, tuple(dict.fromkeys([*place.columns, *schema.primary_key()])), columns)


def view(name: str) -> Described:
    """The view's description; its columns are those that its SQL gives of tables without rows."""
    import duckdb

    from rlhf_data import schemas

    meaning = dict(schemas.COLUMNS)
    with duckdb.connect(config={"python_enable_replacements": False}) as db:
        for part in reversed(VIEWS[name]):
            meaning |= table(part).columns
            db.register(part, catalog.empty(part).to_arrow())
        columns = db.sql(queries.view(name)).columns
    return Described(name, VIEW_ROWS[name], (), {column: meaning[column] for column in columns})


@cache
def described(name: str) -> Described:
    """The table or view of that name; raises `KeyError` where there is none."""
    return view(name) if name in VIEWS else table(name)


def comment(db: duckdb.DuckDBPyConnection, name: str) -> None:
    """Writes the descriptions into the database, where `duckdb_views()` and `duckdb_columns()` show them."""
    found = described(name)
    db.execute(f"comment on view {name} is {_text(found.about)}")
    for column in db.table(name).columns:
        if what := found.columns.get(column):
            db.execute(f'comment on column {name}."{column}" is {_text(what)}')


def _text(words: str) -> str:
    return "'" + words.replace("'", "''") + "'"
