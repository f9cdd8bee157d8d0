"""Labels of two responses in the spellings of public sets and of one's own."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from rlhf_data.params.sources import Source
from rlhf_data.sources import labels
from rlhf_data.sources.formats import parser
from rlhf_data.sources.records import BadRecord, Comparison

TURNS = [{"role": "user", "content": "Name a fish."}, {"role": "assistant", "content": "A carp."}]
OTHER = [{"role": "user", "content": "Name a fish."}, {"role": "assistant", "content": "A whale."}]
NOTHING = dict.fromkeys(("prompt", "system", "chosen", "rejected", "chosen_score", "rejected_score", "response",
                         "score", "first", "second", "label", "labels", "annotator_field"))  # fmt: skip


@pytest.mark.parametrize(("given", "values", "expected"), [
    (["A>B"], None, 0), (["model_b"], None, 1), ([" B>A "], None, 1), (["Response_A"], None, 0),
    ([0], {"first": [0], "second": [1], "tie": [2]}, 0), (["1"], {"first": [0], "second": [1]}, 1),
    ([True], {"first": [1], "second": [0]}, 0), ([1.0], {"first": ["1"], "second": ["2"]}, 0),
    ([-2], "positive_second", 0), (["3"], "positive_second", 1), ([0.5], "positive_first", 0),
    (["A", "B", "A"], None, 0), ([1, 2, 2], {"first": [1], "second": [2], "tie": [0]}, 1), (["tie", "a", "a"], None, 0),
])  # fmt: skip
def test_the_preferred_response(given: list[Any], values: Any, expected: int) -> None:
    assert labels.preferred(given, values) == expected


@pytest.mark.parametrize(("given", "values", "rule"), [
    (["tie"], None, "tie"), (["both_bad"], None, "tie"), ([0], "positive_first", "tie"), ([2], {"tie": [2]}, "tie"),
    (["A", "B"], None, "no_majority"), ([1], None, "unknown_label"), (["maybe"], None, "unknown_label"),
    (["x"], "positive_first", "wrong_layout"), ([None], "positive_first", "unrated"),
    ([3], {"first": [0]}, "unknown_label"), ([], None, "unrated"), ([["A"]], None, "unknown_label"),
])  # fmt: skip
def test_what_prefers_neither_is_named(given: list[Any], values: Any, rule: str) -> None:
    with pytest.raises(BadRecord, match=rule):
        labels.preferred(given, values)


@pytest.mark.parametrize("record", [
    {"p": "Name a fish.", "a": "A carp.", "b": "A whale.", "w": "model_a"},
    {"p": "Name a fish.", "a": "A whale.", "b": "A carp.", "w": "model_b"},
    {"p": TURNS[:1], "a": TURNS, "b": OTHER, "w": "A>B"},
    {"p": "Name a fish.", "a": TURNS[1], "b": OTHER[1], "w": "a"},
])  # fmt: skip
def test_sides_are_texts_messages_or_whole_conversations(record: dict[str, Any]) -> None:
    given = NOTHING | {"prompt": "p", "first": "a", "second": "b", "label": "w", "annotator": "me"}
    (found,) = parser("custom", "preferences", given)(record)
    assert found == Comparison([{"role": "user", "content": "Name a fish."}], "A carp.", "A whale.", annotator="me")


@pytest.mark.parametrize("votes", [[1, 2, 2], [[1, 2, 2]], [[1], [2, 2]], [2, [1, 2]]])
def test_votes_are_in_several_fields_or_in_one_list(votes: list[Any]) -> None:
    given = NOTHING | {"prompt": "p", "first": "a", "second": "b", "label": [f"v.{n}" for n in range(len(votes))]}
    given |= {"labels": {"first": [1], "second": [2]}, "annotator": "me"}
    (found,) = parser("custom", "preferences", given)({"p": "Hi.", "a": "What?", "b": "Hello!", "v": votes})
    assert found == Comparison([{"role": "user", "content": "Hi."}], "Hello!", "What?", annotator="me")


@pytest.mark.parametrize(("given", "message"), [
    ({"label": []}, "label"), ({"labels": {}}, "labels name no value"), ({"labels": {"tie": [0]}}, "labels name no"),
    ({"labels": {"first": [1], "second": ["1.0"]}}, "of two sides: 1.0"),
    ({"labels": {"first": ["A"], "tie": [" a"]}}, "of two sides: a"), ({"labels": "negative_first"}, "labels"),
])  # fmt: skip
def test_labels_that_do_not_tell_the_sides_apart_are_refused(given: dict[str, Any], message: str) -> None:
    source = {"format": "custom", "kind": "preferences", "path": "a.csv", "first": "a", "second": "b", "label": "w"}
    assert TypeAdapter[Any](Source).validate_python(source | {"labels": {"first": [1, "1"]}})
    with pytest.raises(ValidationError, match=message):
        TypeAdapter[Any](Source).validate_python(source | given)


def test_prompts_may_be_inside_the_conversations_and_annotators_in_the_record() -> None:
    given = NOTHING | {"first": "a", "second": "b", "label": ["x", "y", "z"]}
    given |= {"labels": {"first": [1], "second": [2]}}
    given |= {"annotator": "unknown", "annotator_field": "by"}
    record = {"a": OTHER, "b": TURNS, "x": 2, "y": 1, "z": "2", "by": "a judge"}
    (found,) = parser("custom", "preferences", given)(record)
    assert found == Comparison(
        [{"role": "user", "content": "Name a fish."}], "A carp.", "A whale.", annotator="a judge"
    )
