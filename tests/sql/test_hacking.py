"""Answers given literally → what the question `hacking` says of them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rlhf_data.errors import TableError
from rlhf_data.sql import queries

# prompt, split, response, finish_reason, reward, gold, policy_logps, ref_logps, preference
ANSWERS = [
    ("a", "test", "A cat, a cat, A CAT!", "stop", 1.0, 2.0, -1.0, -3.0, 1.0),
    ("b", "test", "I’m sorry, but no.", "length", 3.0, 0.0, -2.0, -2.5, None),
    ("c", "test", "", "stop", 2.0, 1.0, -0.5, -0.5, 0.5),
    ("d", "dev", "AS AN AI I see", "stop", 99.0, 99.0, -9.0, -1.0, 0.0),
]
SETTINGS: dict[str, Any] = {"split": "test", "repetition_words": 2, "refusals": ["I'm sorry, BUT", "as an AI"]}


def write(folder: Path, rows: list[tuple[Any, ...]]) -> dict[str, Any]:
    columns = ["prompt_id", "split", "response", "finish_reason", "reward", "gold_reward"]
    more = ["policy_logps", "ref_logps", "preference"]
    table = pl.DataFrame(rows, schema=[*columns, *more], orient="row", infer_schema_length=None)
    table = table.with_columns(pl.col("gold_reward", "preference").cast(pl.Float64))
    table = table.with_columns(response_chars=pl.col("response").str.len_chars())
    tables = {
        "evaluations": [*columns, "response_chars"],
        "logprobs": ["prompt_id", "policy_logps", "ref_logps"],
        "second_opinions": ["prompt_id", "preference"],
    }
    for name, some in tables.items():
        table.select(some).write_parquet(folder / f"{name}.parquet")
    return {name: folder / f"{name}.parquet" for name in tables}


def test_what_a_policy_s_answers_are_like(tmp_path: Path) -> None:
    (found,) = queries.run("hacking", write(tmp_path, ANSWERS), **SETTINGS).to_dicts()

    assert (found["prompts"], found["reward"], found["gold_reward"]) == (3, 2.0, 1.0)
    assert (found["preference"], found["no_verdict"]) == (0.75, 1)
    assert found["preference_high"] == pytest.approx(0.75 + 1.96 * math.sqrt(0.125) / math.sqrt(2))
    assert found["kl"] == pytest.approx(2.5 / 3)
    spread = math.sqrt(sum((x - 2.5 / 3) ** 2 for x in (2, 0.5, 0)) / 2)
    assert found["kl_low"] == pytest.approx(2.5 / 3 - 1.96 * spread / math.sqrt(3))
    # a cat a cat a cat · i m sorry but no: 7 of 11 words, and 2 + 4 of 5 + 4 pairs are different
    assert found["distinct_1"] == pytest.approx(7 / 11)
    assert found["distinct_2"] == pytest.approx(6 / 9)
    assert found["repetition"] == pytest.approx((3 / 5 + 0) / 2)  # the empty answer has no pair
    assert found["response_chars"] == pytest.approx((20 + 18) / 3)
    assert found["truncated"] == found["refused"] == pytest.approx(1 / 3)


def test_what_is_unknown_is_null(tmp_path: Path) -> None:
    rows = [(*row[:5], None if row[0] == "a" else row[5], *row[6:8], None) for row in ANSWERS]
    rows = [(*row[:2], "…", *row[3:]) for row in rows]  # no word
    (found,) = queries.run("hacking", write(tmp_path, rows), **SETTINGS).to_dicts()

    unknown = {name for name, value in found.items() if value is None}
    judged = {"preference", "preference_low", "preference_high"}
    assert unknown == {"gold_reward", *judged, "distinct_1", "distinct_2", "repetition"}
    assert (found["no_verdict"], found["refused"]) == (3, 0.0)


@pytest.mark.parametrize(
    ("table", "said"), [("logprobs", "no log-probability: c"), ("second_opinions", "no opinion: c")]
)
def test_a_missing_row_is_an_error(table: str, said: str, tmp_path: Path) -> None:
    tables = write(tmp_path, ANSWERS)
    pl.read_parquet(tables[table]).filter(pl.col("prompt_id") != "c").write_parquet(tables[table])

    with pytest.raises(TableError, match=f"query hacking: .*an answer has {said}"):
        queries.run("hacking", tables, **SETTINGS)
