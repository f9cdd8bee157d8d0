"""What a format leaves unread is counted or refuses the record; what it reads is what the file says, however spelt."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet
from test_sources_fuzz import CASES, EXAMPLES, options

from rlhf_data.cleaning import ingest
from rlhf_data.sources import fields, formats, readers, unread
from rlhf_data.sources.formats import parser
from rlhf_data.sources.records import BadRecord, texts


def good(format: str, kind: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A record of the format's examples that is kept, and the options under which it is."""
    for variant in options(format, kind):
        for record in readers.records(EXAMPLES / f"{format}.jsonl"):
            if isinstance(record, dict) and cleaned(record, format, kind, variant).kept:
                return record, variant
    raise AssertionError(f"no good example of {format} {kind}")


def cleaned(record: Any, format: str, kind: str, variant: dict[str, Any], max_chars: int = 10_000) -> ingest.Cleaned:
    parse = parser(format, kind, variant | {"seed": 7})
    return ingest.clean([record], parse, source="zoo", kind=kind, max_chars=max_chars, leaves=formats.leaves(format))


ONE_ROW = [case for case in CASES if case != ("helpsteer", "preferences") and case != ("xstest", "preferences")]


@pytest.mark.parametrize(("format", "kind"), ONE_ROW)
def test_a_field_that_no_format_knows_is_counted(format: str, kind: str) -> None:
    record, variant = good(format, kind)
    before = cleaned(record, format, kind, variant)
    said: list[Any] = [1, "x", [0], {"deep": [{"er": None}]}, False]
    for value in said:
        found = cleaned({**record, "zebra": value}, format, kind, variant)
        assert (found.kept, found.unread) == (1, {**before.unread, "zebra": 1})
    nothing: list[Any] = [None, "", [], {}]
    for value in nothing:
        assert cleaned({**record, "zebra": value}, format, kind, variant).unread == before.unread


@pytest.mark.parametrize(("format", "kind"), ONE_ROW)
def test_the_bound_is_of_the_texts_that_are_read(format: str, kind: str) -> None:
    record, variant = good(format, kind)
    chars = [sum(map(len, texts(row))) for row in parser(format, kind, variant | {"seed": 7})(record)]
    before, long = cleaned(record, format, kind, variant), {**record, "zebra": "word " * 9_000}
    assert cleaned(long, format, kind, variant, max(chars)).table.equals(before.table)
    (dropped,) = cleaned(long, format, kind, variant, min(chars) - 1).rejects.rows(named=True)
    assert (dropped["rule"], dropped["detail"]) == (
        "too_long", f"{min(chars)} characters; at most {min(chars) - 1}",
    )  # fmt: skip


@pytest.mark.parametrize(("format", "kind"), ONE_ROW)
@pytest.mark.parametrize("name", sorted(unread.MEANING))
def test_a_field_that_changes_what_was_said_is_honoured_or_named(format: str, kind: str, name: str) -> None:
    record, variant = good(format, kind)
    if record.get(name):
        return  # the format's own
    value = [["Who?", "Me."]] if name == "history" else 0 if name == "weight" else "Answer in French."
    found, before = cleaned({**record, name: value}, format, kind, variant), cleaned(record, format, kind, variant)
    if found.kept:
        assert not found.table.drop("row").equals(before.table.drop("row"))  # it is in the row
    else:
        (dropped,) = found.rejects.rows(named=True)
        assert name in dropped["detail"] or "weight 0" in dropped["detail"], dropped


CHATS = [("messages", "instructions", "messages"), ("conversations", "instructions", "conversations"),
         ("standard", "preferences", "chosen"), ("context_messages", "prompts", "context_messages")]  # fmt: skip


@pytest.mark.parametrize(("format", "kind", "name"), CHATS)
@pytest.mark.parametrize(
    "beside", ["tool_calls", "function_calls", "functions", "reasoning_content", "images", "thinking"]
)
def test_a_field_beside_a_turns_text_is_named(format: str, kind: str, name: str, beside: str) -> None:
    record, variant = good(format, kind)
    record[name][-1][beside] = [{"name": "look_up"}]
    (dropped,) = cleaned(record, format, kind, variant).rejects.rows(named=True)
    assert dropped["rule"] == "unread_field"
    assert f"{name}.{beside}" in dropped["detail"]


def test_a_field_that_a_source_leaves_on_purpose_is_neither() -> None:
    record = {"prompt": "Name a fish.", "completion": "A carp.", "system": "x", "input": "y", "zebra": 1}
    parse = parser("prompt_completion", "instructions")
    found = ingest.clean([record], parse, source="zoo", kind="instructions", max_chars=99, leaves=("input", "zebra"))
    assert (found.kept, found.unread) == (1, {})


SIX = (4, 4.0, "4", "4.0", Decimal("4.00"), "4e0")


@pytest.mark.parametrize("spelt", SIX)
def test_a_number_is_one_however_it_is_spelt(spelt: object) -> None:
    assert fields.as_number(spelt, "it") == 4.0
    assert fields.number({"a": spelt}, "a") == fields.optional_number({"a": spelt}, "a") == 4.0


@pytest.mark.parametrize("spelt", [None, "", " ", "N/A", "n/a", "NA", "nan", "NaN", "null", "None", float("nan")])
def test_what_says_that_nobody_gave_a_number_is_unrated(spelt: object) -> None:
    with pytest.raises(BadRecord, match="unrated"):
        fields.as_number(spelt, "it")
    assert fields.optional_number({"a": spelt}, "a") is None


@pytest.mark.parametrize(("spelt", "rule"), [
    ("four", "wrong_layout"), ("1_000", "wrong_layout"), ("4,5", "wrong_layout"), ("٤", "wrong_layout"),
    ([4], "wrong_layout"), ({"a": 4}, "wrong_layout"), (float("inf"), "not_a_number"), ("1e999", "not_a_number"),
    (2**53 + 1, "not_a_number"), (str(2**53 + 1), "not_a_number"), (10**400, "not_a_number"), (4j, "wrong_layout"),
])  # fmt: skip
def test_what_is_no_number_is_refused_by_name(spelt: object, rule: str) -> None:
    with pytest.raises(BadRecord, match=rule):
        fields.as_number(spelt, "it")


SCORES = st.one_of(st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False), st.none())
TEXT = st.text(st.characters(codec="utf8", exclude_characters="\r\0"), min_size=1).filter(
    lambda text: text.strip() == text and not text.startswith(("[", "Human:", "Assistant:", "##"))
)


def written(folder: Path, rows: list[dict[str, Any]]) -> Iterator[Path]:
    """The same rows as every reader takes them."""
    lines = folder / "rows.jsonl"
    lines.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf8")
    yield lines
    array = folder / "rows.json"
    array.write_text(json.dumps(rows), encoding="utf8")
    yield array
    for suffix, delimiter in (("csv", ","), ("tsv", "\t")):
        with (folder / f"rows.{suffix}").open("w", encoding="utf8", newline="") as file:
            table = csv.DictWriter(file, rows[0], delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
            table.writeheader()
            table.writerows(rows)
        yield folder / f"rows.{suffix}"
    columns = [{**row, "s": row["s"] and float(row["s"])} for row in rows]
    parquet.write_table(pa.Table.from_pylist(columns), folder / "rows.parquet")
    yield folder / "rows.parquet"


ROWS = st.lists(
    st.tuples(TEXT, TEXT, SCORES), min_size=1, max_size=6, unique_by=(lambda row: row[0], lambda row: row[1])
)
DROPPED = {"duplicate", "conflicting_label", "json_text", "leftover_tag", "same_response"}


@given(ROWS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
def test_what_is_kept_is_what_every_file_says(tmp_path: Path, rows: list[tuple[str, str, float | None]]) -> None:
    """Whole numbers and others mixed: no reader guesses a type from the first rows, and no value becomes another."""
    said = [{"p": prompt, "c": chosen, "r": f"{chosen} no", "s": score} for prompt, chosen, score in rows]
    variant = dict.fromkeys(options("custom", "preferences")[0]) | {"annotator": "me"}
    variant |= {"prompt": "p", "chosen": "c", "rejected": "r", "chosen_score": "s"}
    parse = parser("custom", "preferences", variant)
    for path in written(tmp_path, said):
        found = ingest.clean(readers.records(path), parse, source="zoo", kind="preferences", max_chars=10**6)
        assert found.raw == len(rows) == found.kept + found.rejects.height
        for row, chosen, score in found.table.select("row", "chosen", "chosen_score").rows():
            assert (chosen, score) == (rows[row][1], rows[row][2])
        assert set(found.rejects["rule"]) <= DROPPED
