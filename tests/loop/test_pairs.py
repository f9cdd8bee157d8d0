"""Scored responses given literally, and the pair, or the reason for none, that each prompt has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rlhf_data.errors import TableError
from rlhf_data.hashing import content_id
from rlhf_data.loop.pair_counts import account, summary
from rlhf_data.loop.pairs import best_worst, in_parts, with_rewards
from rlhf_data.schemas import Generations, PairRejects, Pairs, Rewards
from rlhf_data.storage import tables

PROMPT = [{"role": "user", "content": "Name a fish."}]
# prompt_id, sample, response, reward, and finish_reason where it is not stop
Row = tuple[str, int, str, float] | tuple[str, int, str, float, str]


def unjoined(rows: list[Row]) -> tuple[pl.DataFrame, pl.DataFrame]:
    generations = pl.DataFrame(
        [
            (prompt_id, sample, 3, response, len(response), 4, (*more, "stop")[0], 1.0, 0, "j")
            for prompt_id, sample, response, _, *more in rows
        ],
        schema=Generations.create_empty().schema,
        orient="row",
    )
    rewards = [
        (prompt_id, sample, 3, "reward", content_id(response), reward, "j")
        for prompt_id, sample, response, reward, *_ in rows
    ]
    return generations, pl.DataFrame(rewards, schema=Rewards.create_empty().schema, orient="row")


def scored(rows: list[Row]) -> pl.DataFrame:
    return with_rewards(*unjoined(rows))


def pair(rows: list[Row], *, length_penalty: float = 0.0, min_margin: float = 0.0, drop_truncated: bool = True,
         prompts: list[str] | None = None) -> tuple[list[dict[str, Any]], dict[str, int]]:  # fmt: skip
    asked = sorted({row[0] for row in rows}) if prompts is None else prompts
    table = pl.DataFrame(
        {"prompt_id": asked, "prompt": [PROMPT] * len(asked)}, schema_overrides={"prompt_id": pl.String}
    )
    made = best_worst(
        scored(rows), table, length_penalty=length_penalty, min_margin=min_margin, drop_truncated=drop_truncated
    )
    assert sum(made.prompts.values()) == len(asked)
    assert made.prompts.get("paired", 0) == made.pairs.height
    left_out = tables.check(made.rejects, PairRejects, Path("rejects"))
    assert 2 * made.pairs.height + left_out.height == len(rows)
    return tables.check(made.pairs, Pairs, Path("pairs")).to_dicts(), dict(made.prompts)


def ends(rows: list[Row], **settings: Any) -> tuple[int, int]:
    ((found,), _) = pair(rows, **settings)
    return found["chosen_sample"], found["rejected_sample"]


def reasons(rows: list[Row], **settings: Any) -> dict[str, int]:
    return pair(rows, **settings)[1]


EIGHT: list[Row] = [
    ("a", 0, "A carp.", 0.25),
    ("a", 1, "A whale.", -1.0),
    ("a", 2, "A carp, I think, but do ask.", 1.5),
    ("a", 3, "An eel.", 0.75),
    ("a", 4, "A bat.", -2.0),
    ("a", 5, "I do not know.", -0.5),
    ("a", 6, "A pike.", 1.25),
    ("a", 7, "A ray, a pike, a carp and so on an", 3.0, "length"),
]


def test_best_and_worst_of_eight() -> None:
    expected = {"prompt_id": "a", "iteration": 3, "prompt": PROMPT}
    worst = {"rejected": "A bat.", "rejected_sample": 4, "rejected_reward": -2.0}
    longest = {"chosen": "A carp, I think, but do ask.", "chosen_sample": 2, "chosen_reward": 1.5}
    assert pair(EIGHT) == ([expected | worst | longest | {"margin": 3.5}], {"paired": 1})
    # at 1/32 a character the 28 of sample 2 cost 0.875, the 7 of sample 6 cost 0.21875
    shortest = {"chosen": "A pike.", "chosen_sample": 6, "chosen_reward": 1.25}
    assert pair(EIGHT, length_penalty=1 / 32) == (
        [expected | worst | shortest | {"margin": (1.25 - 7 / 32) - (-2.0 - 6 / 32)}],
        {"paired": 1},
    )


def test_truncated_responses_are_used_when_asked() -> None:
    assert ends(EIGHT, drop_truncated=False) == (7, 4)


def test_the_penalised_reward_decides_both_ends() -> None:
    rows: list[Row] = [("a", 0, "x" * 40, 1.0), ("a", 1, "y" * 10, 0.9), ("a", 2, "z" * 5, 0.8)]
    assert ends(rows) == (0, 2)
    assert ends(rows, length_penalty=0.01) == (1, 0)  # 0.6, 0.8, 0.75
    assert ends(rows, length_penalty=0.1) == (2, 0)  # −3, −0.1, 0.3


def test_equal_ranks_go_by_sample() -> None:
    rows: list[Row] = [("a", 3, "d", -1.0), ("a", 2, "c", -1.0), ("a", 1, "b", 1.0), ("a", 0, "e", 1.0)]
    assert ends(rows) == ends(rows[::-1]) == (0, 3)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([("a", 0, "x", 1.0), ("a", 1, "y", 1.0), ("a", 2, "z", 1.0)], {"tie": 1}),
        ([("a", 0, "x", 1.0), ("a", 1, "x", 1.0)], {"tie": 1}),
        ([("a", 0, "x", 1.0), ("a", 1, "x", 0.5)], {"same_response": 1}),
        ([("a", 0, "\nx ", 1.0), ("a", 1, "x", 0.5)], {"same_response": 1}),
        ([("a", 0, "a\r\nb", 1.0), ("a", 1, "a\nb", 0.5)], {"same_response": 1}),
        ([("a", 0, "caf\u00e9", 1.0), ("a", 1, "cafe\u0301\r", 0.5)], {"same_response": 1}),
        ([("a", 0, "a\n\nb", 1.0), ("a", 1, "a\nb", 0.5)], {"paired": 1}),
        ([("a", 0, "", 1.0), ("a", 1, " ", 0.5)], {"too_few_usable": 1}),
        ([("a", 0, "", 1.0), ("a", 1, "x", 0.5)], {"too_few_usable": 1}),
        ([("a", 0, "x", 1.0), ("a", 1, "\n", 0.5)], {"too_few_usable": 1}),
        ([("a", 0, "", 2.0), ("a", 1, "x", 1.0), ("a", 2, "y", 0.5)], {"paired": 1}),
        ([("a", 0, "x", 1.0, "length"), ("a", 1, "y", 0.5)], {"too_few_usable": 1}),
        ([("a", 0, "x", 1.0, "length"), ("a", 1, "y", 0.5, "length")], {"too_few_usable": 1}),
        ([("a", 0, "x", 1.0, "length"), ("a", 1, "y", 0.5), ("a", 2, "z", 0.0)], {"paired": 1}),
    ],
)
def test_why_a_prompt_makes_no_pair(rows: list[Row], expected: dict[str, int]) -> None:
    assert reasons(rows) == expected


def test_a_margin_below_the_least_makes_no_pair() -> None:
    rows: list[Row] = [("a", 0, "x", 1.0), ("a", 1, "y", 0.5)]
    assert reasons(rows, min_margin=0.5) == {"paired": 1}
    assert reasons(rows, min_margin=0.5001) == {"small_margin": 1}
    # of the penalised reward: 0.5 − 0.1 × 3
    assert reasons([("a", 0, "xxxx", 1.0), ("a", 1, "y", 0.5)], min_margin=0.3, length_penalty=0.1) == {
        "small_margin": 1
    }


def test_counts_add_up_to_the_prompts() -> None:
    rows: list[Row] = [
        ("b", 0, "x", 1.0),
        ("b", 1, "y", 0.0),
        ("a", 0, "x", 0.0),
        ("a", 1, "y", 1.0),
        ("c", 0, "x", 1.0),
        ("c", 1, "y", 1.0),
        ("d", 0, "x", 1.0),
        ("d", 1, "x", 0.0),
        ("e", 0, "x", 1.0, "length"),
        ("e", 1, "y", 0.0),
        ("f", 0, "x", 1.0),
        ("f", 1, "y", 0.75),
    ]
    found, counts = pair(rows, min_margin=0.5, prompts=["unanswered", *"fedcba"])
    assert [(row["prompt_id"], row["chosen_sample"]) for row in found] == [("a", 1), ("b", 0)]
    assert counts == {"paired": 2, "same_response": 1, "small_margin": 1, "tie": 1, "too_few_usable": 2}


def test_no_prompts() -> None:
    assert pair([], prompts=[]) == ([], {})


def test_rewards_and_responses_must_match_one_to_one() -> None:
    generations, rewards = unjoined([("a", 0, "x", 1.0), ("a", 1, "y", 0.0), ("b", 0, "z", 2.0)])
    assert with_rewards(generations, rewards.reverse())["reward"].to_list() == [1.0, 0.0, 2.0]
    with pytest.raises(TableError, match=r"2 responses have no reward, 0 rewards have no response\n"):
        with_rewards(generations, rewards[:1])
    with pytest.raises(TableError, match=r"0 responses have no reward, 1 rewards have no response\n"):
        with_rewards(generations[1:], rewards)


@pytest.mark.parametrize(
    ("broken", "change"),
    [
        (1, {"response": ["x", "another", "z"]}),
        (2, {"response": ["y", "x", "z"]}),  # two samples swapped
        (3, {"response_id": [content_id(text) for text in "yzx"]}),
        (3, {"iteration": [2, 2, 2]}),
    ],
)
def test_a_reward_belongs_to_a_text(broken: int, change: dict[str, list[Any]]) -> None:
    ((name, values),) = change.items()
    found = unjoined([("a", 0, "x", 1.0), ("a", 1, "y", 0.0), ("b", 0, "z", 2.0)])
    changed = pl.Series(name, values)
    for place in range(2) if name == "iteration" else [0 if name == "response" else 1]:
        two = [*found]
        two[place] = two[place].with_columns(changed.cast(two[place].schema[name]))
        with pytest.raises(TableError, match=f"^{broken} of 3 rewards were given to another text, or in another"):
            with_rewards(*two)


SETTINGS: Any = {"length_penalty": 0.0, "min_margin": 0.0, "drop_truncated": True}


def test_summary() -> None:
    rows: list[Row] = [
        ("a", 0, "xxx", 1.0),
        ("a", 1, "y", 0.25),
        ("a", 2, "z", 0.5, "length"),
        ("b", 0, "x", 2.0),
        ("b", 1, "yy", 0.0),
        ("c", 0, "x", 1.0),
        ("c", 1, "y", 1.0),
    ]
    prompts = pl.DataFrame({"prompt_id": list("abcd"), "prompt": [PROMPT] * 4})
    table = scored(rows)
    made, whole = in_parts([table[:3], table[3:]], prompts, **SETTINGS), best_worst(table, prompts, **SETTINGS)
    assert made.pairs.equals(whole.pairs)
    assert made.rejects.equals(whole.rejects)
    assert account(made) == (
        "4 prompts: 2 pairs; 2 (not_answered 1, tie 1) made none; "
        "of the responses 3 (tie 2, truncated 1) are in no pair"
    )
    assert summary(made) == {
        "prompts": 4,
        "responses": 7,
        "truncated_responses": 1,
        "empty_responses": 0,
        "pairs": 2,
        "unpaired": {"not_answered": 1, "tie": 1},
        "margin_mean": 1.375,
        "chosen_reward_mean": 1.5,
        "rejected_reward_mean": 0.125,
        "chosen_chars_mean": 2.0,
        "rejected_chars_mean": 1.5,
    }
    nothing = summary(in_parts([table.clear()], prompts, **SETTINGS))
    assert nothing["margin_mean"] is None
    assert nothing["unpaired"] == {"not_answered": 4}


@pytest.mark.parametrize("parts", [[slice(0, 1), slice(1, 3)], [slice(0, 2), slice(2, 3), slice(0, 2)]])
def test_responses_to_one_prompt_in_two_parts_are_an_error(parts: list[slice]) -> None:
    table = scored([("a", 0, "x", 1.0), ("a", 1, "y", 0.25), ("b", 0, "z", 0.5)])
    prompts = pl.DataFrame({"prompt_id": list("ab"), "prompt": [PROMPT] * 2})
    with pytest.raises(TableError, match="one whose other responses stand in another part"):
        in_parts((table[part] for part in parts), prompts, **SETTINGS)


def test_a_pair_that_training_would_cut_is_dropped_by_name() -> None:
    rows = scored([("a", 0, "A carp.", 1.0), ("a", 1, "Tea.", 0.0), ("b", 0, "An oak.", 1.0), ("b", 1, "Tea.", 0.0)])
    prompts = pl.DataFrame({"prompt_id": ["a", "b"], "prompt": [PROMPT] * 2, "prompt_tokens": [9, 10]})
    settings = {"length_penalty": 0.0, "min_margin": 0.0, "drop_truncated": True}

    def fits(pairs: pl.DataFrame) -> pl.Series:
        assert pairs.select("chosen_tokens", "rejected_tokens").null_count().row(0) == (0, 0)
        return pairs["prompt_tokens"] < 10

    made = best_worst(rows, prompts, fits=fits, **settings)  # type: ignore[arg-type]
    assert (made.pairs["prompt_id"].to_list(), made.prompts) == (["a"], {"paired": 1, "too_long_to_train": 1})
    assert made.pairs.columns == best_worst(rows, prompts, **settings).pairs.columns  # type: ignore[arg-type]
    assert made.rejects.select("prompt_id", "sample", "rule").rows() == [
        ("b", 0, "too_long_to_train"), ("b", 1, "too_long_to_train"),
    ]  # fmt: skip
    in_steps = in_parts([rows], prompts, fits=fits, **settings)  # type: ignore[arg-type]
    assert summary(in_steps)["unpaired"] == {"too_long_to_train": 1}


def test_every_response_is_in_a_pair_or_left_out_by_its_rule() -> None:
    rows: list[Row] = [
        *EIGHT,
        ("b", 0, " ", 1.0), ("b", 1, "A carp.", 1.0),
        ("c", 0, "A carp.", 1.0), ("c", 1, " A carp.\n", 0.5),
        ("d", 0, "A carp.", 1.0), ("d", 1, "An eel.", 0.95),
    ]  # fmt: skip
    prompts = pl.DataFrame({"prompt_id": list("abcd"), "prompt": [PROMPT] * 4})
    made = best_worst(scored(rows), prompts, length_penalty=0.0, min_margin=0.1, drop_truncated=True)
    assert made.rejects.select("prompt_id", "sample", "rule").rows() == [
        *(("a", sample, "in_between") for sample in (0, 1, 3, 5, 6)), ("a", 7, "truncated"),
        ("b", 0, "empty"), ("b", 1, "too_few_usable"),
        ("c", 0, "same_response"), ("c", 1, "same_response"),
        ("d", 0, "small_margin"), ("d", 1, "small_margin"),
    ]  # fmt: skip
