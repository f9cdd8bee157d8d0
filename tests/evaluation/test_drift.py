"""Answers and verdicts given literally → the rows of a second opinion and of log-probabilities."""

from __future__ import annotations

import math
from collections.abc import Sequence

import polars as pl
import pytest

from rlhf_data.errors import TableError
from rlhf_data.evaluation import drift
from rlhf_data.inference.protocols import ResponsePair

PROMPTS = pl.DataFrame(
    {"prompt_id": ["a", "b", "c"], "prompt": [[{"role": "user", "content": f"{name}?"}] for name in "ABC"]}
)


def evaluations(rows: list[tuple[str, str, str, str]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["prompt_id", "split", "response", "finish_reason"], orient="row")


OURS = evaluations([("b", "test", "yes", "stop"), ("a", "test", "no", "stop"), ("x", "dev", "so", "stop")])
THEIRS = evaluations([("a", "test", "no", "length"), ("b", "test", "perhaps", "stop"), ("y", "dev", "so", "stop")])


class Longest:
    """Prefers the longer answer, and whatever it is shown first; says nothing of a question."""

    def __init__(self) -> None:
        self.asked: list[ResponsePair] = []

    def prefer(self, comparisons: Sequence[ResponsePair]) -> list[float]:
        self.asked += comparisons
        return [self.one(*comparison) for comparison in comparisons]

    @staticmethod
    def one(prompt: object, first: str, second: str) -> float:
        if "?" in first + second:
            return math.nan
        return 0.9 if len(first) > len(second) else 0.3


def test_answers_to_the_same_prompts_are_compared_and_draws_are_not_asked() -> None:
    rows = drift.against(OURS, THEIRS, judge="zoo", job="j")
    same = drift.draws(rows)

    assert rows.select("prompt_id", "response", "base_response").rows() == [("b", "yes", "perhaps"), ("a", "no", "no")]
    assert same.select("prompt_id", *drift.VERDICTS).rows() == [("a", None, None, 0.5)]
    assert rows["answers_id"].n_unique() == 2


def test_verdicts_are_of_both_orders_and_nan_is_null() -> None:
    ours = evaluations([(one, "test", said, "stop") for one, said in zip("abc", ("yes", "perhaps", "?"), strict=True)])
    theirs = evaluations([(one, "test", "maybe", "stop") for one in "abc"])
    rows, judge = drift.against(ours, theirs, judge="zoo", job="j"), Longest()
    (first, second) = drift.with_verdicts(rows, PROMPTS, judge, "both", part=2)

    # "yes" loses both orders, "perhaps" wins both
    assert first.select(drift.VERDICTS).rows() == [
        (0.3, pytest.approx(0.1), pytest.approx(0.2)),
        (0.9, 0.7, pytest.approx(0.8)),
    ]
    assert second.select(drift.VERDICTS).rows() == [(None, None, None)]
    assert judge.asked[2] == ResponsePair([{"role": "user", "content": "A?"}], "maybe", "yes")


def test_one_order_leaves_the_other_null() -> None:
    rows = drift.against(OURS, THEIRS, judge="zoo", job="j").head(1)
    (found,) = drift.with_verdicts(rows, PROMPTS, Longest(), "one", part=9)

    assert found.select(drift.VERDICTS).rows() == [(0.3, None, 0.3)]


def test_answers_to_other_prompts_are_refused() -> None:
    with pytest.raises(TableError, match="2 and 1 test answers are not to the same prompts"):
        drift.against(OURS, THEIRS.head(1), judge="zoo", job="j")
    with pytest.raises(TableError, match="1 and 2 test answers are not to the same prompts"):
        drift.against(OURS.head(1), THEIRS, judge="zoo", job="j")


def test_how_an_answer_ended_is_part_of_what_decides_its_log_probability() -> None:
    stopped, cut = (drift.answers(table.filter(prompt_id="a"), job="j")["response_id"][0] for table in (OURS, THEIRS))

    assert stopped != cut
    assert drift.answers(OURS, job="j")["prompt_id"].to_list() == ["b", "a"]  # test alone


def test_both_models_log_probabilities_stand_in_the_rows_order() -> None:
    given = {"yes": -1.0, "no": -2.0}
    calls = []

    def policy(rows: pl.DataFrame) -> list[float]:
        calls.append(rows["prompt"].list.first().struct.field("content").to_list())
        return [given[response] for response in rows["response"]]

    rows = drift.answers(OURS, job="j")
    found = pl.concat(drift.with_logps(rows, PROMPTS, policy, lambda some: [-9.0] * some.height, part=1))
    same = pl.concat(drift.with_logps(rows, PROMPTS, policy, policy, part=2))

    assert found.select("prompt_id", *drift.LOGPS).rows() == [("b", -1.0, -9.0), ("a", -2.0, -9.0)]
    assert same["policy_logps"].equals(same["ref_logps"].alias("policy_logps"))
    assert calls == [["B?"], ["A?"], ["B?", "A?"]]  # of π₀ itself they are computed once
