"""The label of two responses → which one is preferred: a name, a number, a sign, or several that vote.

{"winner": "model_a"} → 0, the first;  {"overall_preference": 2}, by `positive_second` → 1, the second
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from rlhf_data.sources import fields
from rlhf_data.sources.records import BadRecord

Side = Literal["first", "second", "tie"]
Sign = Literal["positive_first", "positive_second"]
Values = Mapping[Side, Sequence[str | float]]
SIDES: tuple[Side, ...] = ("first", "second", "tie")
# What public sets write; bare numbers are not among them, since 0, 1 and 2 mean another side in each
KNOWN: Values = {
    "first": ("a>b", "a>>b", "a", "model_a", "response_a", "first", "left"),
    "second": ("b>a", "b>>a", "b", "model_b", "response_b", "second", "right"),
    "tie": ("tie", "a=b", "a~b", "tie (bothbad)", "both_bad", "bothbad", "both", "neither"),
}


def preferred(labels: Sequence[object], values: Values | Sign | None) -> int:
    """0 where the first response is preferred, 1 where the second is, by the majority of `labels`.

    `values` says which labels mean which side, or that the sign of a number does; None takes what public sets write.
    Raises `BadRecord`: `tie`, `no_majority`, `unknown_label`, and `unrated` where there is none.
    """
    if not labels:
        raise BadRecord("unrated", "nobody gave a label")
    votes = Counter(_side(label, values) for label in labels)
    (winner, most), *others = votes.most_common()
    if others and others[0][1] == most:
        raise BadRecord("no_majority", f"the labels are {[fields.shown(label) for label in labels]}")
    if winner == "tie":
        raise BadRecord("tie", f"the label is {fields.shown(labels[0])}")
    return SIDES.index(winner)


def _side(label: object, values: Values | Sign | None) -> Side:
    if isinstance(values, str):
        number = fields.as_number(label, "the label")
        if number == 0:
            return "tie"
        return "first" if (number > 0) == (values == "positive_first") else "second"
    known = values or KNOWN
    for side in SIDES:
        if any(same(label, value) for value in known.get(side, ())):
            return side
    shown = ", ".join(str(value) for side in SIDES for value in known.get(side, ()))
    raise BadRecord("unknown_label", f"{fields.shown(label)} is none of: {shown}")


def same(label: Any, value: str | float) -> bool:
    """Whether a record's value is the params' one: a text in any case, a number in any spelling."""
    if isinstance(label, str) and isinstance(value, str):
        return label.strip().lower() == value.lower()
    try:
        return fields.as_number(label, "the label") == fields.as_number(value, "the value")
    except BadRecord:
        return False
