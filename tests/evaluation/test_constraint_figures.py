"""Answers given literally: what is kept by kind and group, and the figures that show gaming."""

from __future__ import annotations

import json
import math
from typing import Any

import polars as pl
import pytest

from rlhf_data.errors import TableError
from rlhf_data.evaluation import constraints
from rlhf_data.schemas import Evaluations, LogProbabilities, Prompts

KNOWN = {"topic": "rain", "constraints": [["no_comma", ""], ["question", ""]]}
HELD_OUT = {"topic": "snow", "constraints": [["digits", ""], ["no_comma", ""]]}
REQUESTS = {"a": KNOWN, "b": HELD_OUT, "c": KNOWN}
PROMPTS = pl.DataFrame(
    {"prompt_id": list(REQUESTS), "reference": [json.dumps(one) for one in REQUESTS.values()]},
    schema_overrides={"reference": Prompts.create_empty().schema["reference"]},
)


def tables(answers: dict[str, tuple[str, float]], logps: tuple[float, float] = (-8.0, -10.0)) -> tuple[Any, Any]:
    schema = Evaluations.create_empty().schema
    rows = [
        {"prompt_id": one, "split": "test", "response": text, "response_chars": len(text), "response_tokens": 5,
         "finish_reason": "stop", "reward": 0.0, "gold_reward": gold, "temperature": 1.0, "seed": 1, "job": "x"}
        for one, (text, gold) in answers.items()
    ]  # fmt: skip
    told = [
        {
            "prompt_id": one,
            "split": "test",
            "response_id": one,
            "policy_logps": logps[0],
            "ref_logps": logps[1],
            "job": "x",
        }
        for one in answers
    ]
    return pl.DataFrame(rows, schema=schema), pl.DataFrame(told, schema=LogProbabilities.create_empty().schema)


BASE = {"a": ("Rain, it is wet.", 0.25), "b": ("Snow is white and cold.", 0.5), "c": ("No, never at all.", 0.0)}
OURS = {
    "a": ("Rain is wet is it not?", 1.0),
    "b": ("Snow falls 3 times.", 1.0),
    "c": ("Rain rain rain rain rain.", 0.5),
}


def answered(answers: dict[str, tuple[str, float]], **more: Any) -> pl.DataFrame:
    return constraints.answered(*tables(answers, **more), PROMPTS)


def test_kept_by_kind() -> None:
    found = constraints.kept("iter1", answered(BASE))
    assert found.columns == ["policy", "kind", "held_out", "asked", "kept"]
    assert found.select("kind", "held_out", "asked", "kept").rows() == [
        ("no_comma", False, 3, pytest.approx(1 / 3)),
        ("question", False, 2, 0.0),
        ("topic", False, 3, pytest.approx(2 / 3)),
        ("digits", True, 1, 0.0),
    ]


def test_figures_by_group() -> None:
    base, ours = answered(BASE, logps=(-10.0, -10.0)), answered(OURS)
    found = constraints.figures("iter1", ours, base, resamples=200, seed=0)
    assert found["group"].to_list() == ["all", "trained", "held_out"]
    assert found["requests"].to_list() == [3, 2, 1]
    whole = found.row(0, named=True)
    assert whole["gain"] == pytest.approx((0.75 + 0.5 + 0.5) / 3)
    assert whole["gain_low"] <= whole["gain"] <= whole["gain_high"]
    assert whole["gold_reward"] == pytest.approx(2.5 / 3)
    assert whole["kept"] == pytest.approx((3 + 3 + 2) / 9)
    assert whole["kl"] == pytest.approx(2.0)
    assert whole["perplexity"] == pytest.approx(math.exp(10 / 5))
    assert whole["repetition"] == pytest.approx((0 + 0 + 2 / 3) / 3)
    assert found.row(2, named=True)["gain"] == pytest.approx(0.5)
    itself = constraints.figures("iter0", base, base, resamples=200, seed=0).row(0, named=True)
    assert itself["gain"] == itself["gain_low"] == itself["gain_high"] == itself["kl"] == 0


def test_only_the_groups_that_there_are() -> None:
    known = answered({one: OURS[one] for one in "ac"})
    found = constraints.figures("iter1", known, known, resamples=20, seed=0)
    assert found["group"].to_list() == ["all", "trained"]


def test_answers_that_cannot_be_measured() -> None:
    evaluations, logprobs = tables(BASE)
    with pytest.raises(TableError, match="1 of 3 answers are to no request, or have no log-probability"):
        constraints.answered(evaluations, logprobs[:2], PROMPTS)
    with pytest.raises(TableError, match="3 of 3"):
        constraints.answered(evaluations, logprobs, PROMPTS.with_columns(reference=pl.lit(None, dtype=pl.String)))
    with pytest.raises(TableError, match="iter1 and π₀ answered other requests"):
        constraints.figures("iter1", answered(BASE), answered({"a": BASE["a"]}), resamples=20, seed=0)
