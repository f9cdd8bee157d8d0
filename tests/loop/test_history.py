"""Pairs of several iterations given literally, and which of them DPO trains on."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from rlhf_data.errors import TableError
from rlhf_data.loop.history import in_scope, offline_pairs, referred, refuse_other_reference, with_reference
from rlhf_data.schemas import LOGPS, History, Pairs, Preferences
from rlhf_data.storage import tables

FISH = [{"role": "user", "content": "Name a fish."}]


def mix(rows: list[tuple[str, str, str]]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            (f"pair {row}", "zoo", row, prompt_id, FISH, chosen, rejected, 2.0, 0.5, 1.5, "human", None)
            for row, (prompt_id, chosen, rejected) in enumerate(rows)
        ],
        schema=Preferences.create_empty().schema,
        orient="row",
    )


def pairs(rows: list[tuple[str, int]]) -> pl.DataFrame:
    return pl.DataFrame(
        [(prompt_id, t, FISH, "A carp.", "A whale.", 0, 1, 1.0, 0.0, 1.0) for prompt_id, t in rows],
        schema=Pairs.create_empty().schema,
        orient="row",
    )


def logps(rows: list[tuple[str, float, float]]) -> pl.DataFrame:
    columns = {"prompt_id": pl.String, "ref_chosen_logps": pl.Float32, "ref_rejected_logps": pl.Float32}
    return pl.DataFrame(rows, schema=columns, orient="row")


LOGPS_OF_A = logps([("a", -1.0, -2.0)])
MIX = mix([("b", "A carp.", "A whale."), ("b", "A pike.", "A bat."), ("a", "An eel.", "A cow."), ("c", "x", "y")])


def whole(some: pl.DataFrame) -> pl.Series:
    """Every pair fits."""
    return pl.repeat(True, some.height, eager=True)


def without_a(some: pl.DataFrame) -> pl.Series:
    """The pair of prompt a does not fit."""
    return some["prompt_id"] != "a"


def test_offline_pairs_are_the_first_of_each_prompt() -> None:
    nothing = dict.fromkeys(("chosen_sample", "rejected_sample", "chosen_reward", "rejected_reward"))
    shared = {"iteration": 0, "prompt": FISH, "margin": 1.5, **nothing}
    found, long = offline_pairs(MIX, pairs=2, fits=whole)
    assert long.is_empty()
    assert found.to_dicts() == [
        {"prompt_id": "b", "chosen": "A carp.", "rejected": "A whale."} | shared,
        {"prompt_id": "a", "chosen": "An eel.", "rejected": "A cow."} | shared,
    ]


def test_no_offline_pairs_have_the_types_of_pairs() -> None:
    none = referred(offline_pairs(MIX, pairs=0, fits=whole)[0], job="j").hstack(logps([]).select(LOGPS))
    part = tables.check(none, History, Path("iter0"))
    (following,) = with_reference(referred(pairs([("a", 1)]), job="j"), lambda some: LOGPS_OF_A, part_pairs=1)
    assert part.height == 0
    assert pl.concat([part, tables.check(following, History, Path("t"))]).height == 1


def test_too_few_offline_pairs() -> None:
    with pytest.raises(TableError, match=r"3 prompts to train on, and 0 with .* offline_history\.pairs asks for 4"):
        offline_pairs(MIX, pairs=4, fits=whole)
    with pytest.raises(TableError, match=r"2 prompts to train on, and 1 with a pair beyond train_policy\.max_length"):
        offline_pairs(MIX, pairs=3, fits=without_a)


@pytest.mark.parametrize(("pairs", "ids", "dropped"), [(0, [], 0), (1, ["b"], 0), (2, ["b", "c"], 1)])
def test_offline_pairs_that_training_would_cut_are_left_out_and_counted(
    pairs: int, ids: list[str], dropped: int
) -> None:
    found, long = offline_pairs(MIX, pairs=pairs, fits=without_a)
    assert (found["prompt_id"].to_list(), long["prompt_id"].to_list()) == (ids, ["a"][:dropped])


def test_reference_log_probabilities_come_in_parts_and_are_joined_by_prompt() -> None:
    given = {"b": (-3.0, -4.0), "a": (-1.0, -2.0), "c": (-5.0, -6.0)}
    asked = []

    def reference(some: pl.DataFrame) -> pl.DataFrame:
        asked.append(some["prompt_id"].to_list())
        return logps([(one, *given[one]) for one in reversed(asked[-1])])

    rows = referred(pairs([("b", 2), ("a", 2), ("c", 2)]), job="j")
    joined = pl.concat(with_reference(rows, reference, part_pairs=2))

    checked = tables.check(joined, History, Path("iter2"))
    assert asked == [["b", "a"], ["c"]]
    assert checked.select("prompt_id", *LOGPS, "job").rows() == [
        ("b", -3.0, -4.0, "j"),
        ("a", -1.0, -2.0, "j"),
        ("c", -5.0, -6.0, "j"),
    ]


def test_a_pair_without_reference_is_no_history() -> None:
    rows = referred(pairs([("b", 2), ("a", 2)]), job="j")
    (joined,) = with_reference(rows, lambda some: LOGPS_OF_A, part_pairs=5)
    with pytest.raises(TableError, match=r"ref_chosen_logps\|nullability: broken by 1 of 2 rows"):
        tables.check(joined, History, Path("iter2"))


def test_log_probabilities_of_another_reference_are_refused() -> None:
    path = Path("data/history/iter2")
    rows = pl.concat([referred(pairs([("a", 1), ("b", 1)]), job="j"), referred(pairs([("c", 2)]), job="k")])
    refuse_other_reference(rows.filter(pl.col("job") == "j"), job="j", path=path)
    refuse_other_reference(rows.clear(), job="j", path=path)
    with pytest.raises(TableError, match=r"iter2: the log-probabilities of 2 of 3 pairs are of another reference, or"):
        refuse_other_reference(rows, job="k", path=path)


def test_scope() -> None:
    table = pairs([("b", 2), ("a", 2), ("c", 1), ("a", 1)])
    keys = ["iteration", "prompt_id"]
    assert in_scope(table, "cumulative", 2).select(keys).rows() == [(1, "a"), (1, "c"), (2, "a"), (2, "b")]
    assert in_scope(table, "current", 2).select(keys).rows() == [(2, "a"), (2, "b")]


def test_nothing_in_scope_is_an_error() -> None:
    with pytest.raises(TableError, match="no pair to train iteration 3 on"):
        in_scope(pairs([("a", 1)]), "current", 3)
    with pytest.raises(TableError, match="no pair to train iteration 1 on"):
        in_scope(pairs([]), "cumulative", 1)
