"""Sources in numbers beside what is published of them; complete ones are held to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
import pytest

from rlhf_data.cleaning import table5
from rlhf_data.errors import TableError
from rlhf_data.schemas import Counts, Lengths, Rejects
from rlhf_data.sources.about import About, Expected

EXPECTED = Expected(raw=10, prompts=3, pairs=6, prompt_tokens=20.0, chosen_tokens=5.0, rejected_tokens=2.5)
ABOUT = About("Zoo", "https://zoo.example", "CC-BY-NC-4.0", True, "A. Keeper (2024). Zoo.", "LLM", "human", EXPECTED)
ABOUTS: dict[str, About | None] = {"zoo": ABOUT, "ark": None}
FOUND: dict[str, dict[str, Any]] = {
    "zoo": {
        "annotator": "human",
        "prompts": 3,
        "pairs": 6,
        "prompt_tokens": 21.5,
        "chosen_tokens": 5.0,
        "rejected_tokens": 2.5,
    },
    "ark": {
        "annotator": "me",
        "prompts": 2,
        "pairs": 2,
        "prompt_tokens": 1.0,
        "chosen_tokens": 1.0,
        "rejected_tokens": 1.0,
    },
}


def refusal(complete: str, *, prompts: int = 3, pairs: int = 6, raw: int = 10, dropped: Mapping[str, int],
            abouts: Mapping[str, About | None] = ABOUTS) -> str:  # fmt: skip
    found = {**FOUND, "zoo": {**FOUND["zoo"], "prompts": prompts, "pairs": pairs}}
    rules = [rule for rule, rows in dropped.items() for _ in range(rows)]
    rejects = [("zoo", row, rule, "", "{}") for row, rule in enumerate(rules)]
    with pytest.raises(TableError) as caught:
        table5.refuse_others(
            table5.table(found, abouts),
            [complete],
            ingested=pl.DataFrame(
                [("zoo", "preferences", raw, 6, pairs, [], 0)], schema=Counts.create_empty().schema, orient="row"
            ),
            rejects=pl.DataFrame(rejects, schema=Rejects.create_empty().schema, orient="row"),
            abouts=abouts,
        )
    return str(caught.value)


def test_a_source_s_figures() -> None:
    pairs = pl.DataFrame({"pair_id": ["a", "b", "c"], "prompt_id": ["x", "x", "y"]}).with_columns(
        annotator=pl.Series(["me", "you", "you"])
    )
    lengths = pl.DataFrame(
        [("c", 1, 2, 3), ("a", 2, 2, 4), ("b", 2, 3, 4)], schema=Lengths.create_empty().schema, orient="row"
    )
    assert table5.figures(pairs, lengths) == {
        "annotator": "you, me", "prompts": 2, "pairs": 3, "prompt_tokens": 1.7, "chosen_tokens": 2.3,
        "rejected_tokens": 3.7,
    }  # fmt: skip
    with pytest.raises(TableError, match="1 of 3 comparisons have no token counts"):
        table5.figures(pairs, lengths[1:])


def test_ours_the_paper_s_and_the_difference() -> None:
    zoo, ark = table5.table(FOUND, ABOUTS).to_dicts()
    assert (zoo["annotator"], zoo["licence"], zoo["non_commercial"]) == ("human", "CC-BY-NC-4.0", True)
    assert (zoo["pairs"], zoo["paper_pairs"], zoo["pairs_difference"]) == (6, 6, 0)
    assert (zoo["prompt_tokens"], zoo["paper_prompt_tokens"], zoo["prompt_tokens_difference"]) == (21.5, 20.0, 1.5)
    assert (ark["licence"], ark["pairs"], ark["paper_pairs"], ark["pairs_difference"]) == (None, 2, None, None)


def test_a_complete_source_with_the_published_counts() -> None:
    empty = {"ingested": Counts.create_empty(), "rejects": Rejects.create_empty()}
    table5.refuse_others(table5.table(FOUND, ABOUTS), ["zoo"], abouts=ABOUTS, **empty)
    table5.refuse_others(table5.table({**FOUND, "zoo": FOUND["ark"]}, ABOUTS), [], abouts=ABOUTS, **empty)


def test_the_rule_that_is_off_is_named() -> None:
    assert refusal("zoo", pairs=4, dropped={"same_response": 5, "empty_turn": 2}) == (
        "other counts than published\n"
        "  zoo: 4 pairs, published 6 (-2)\n"
        "    a rule drops too much, by its number empty_turn; records dropped: same_response 5, empty_turn 2"
    )
    assert refusal("zoo", prompts=4, pairs=7, dropped={"duplicate": 1}).splitlines()[1:] == [
        "  zoo: 4 prompts, published 3 (+1); 7 pairs, published 6 (+1)",
        "    a rule is missing or lets too much through; records dropped: duplicate 1",
    ]
    assert refusal("zoo", pairs=5, raw=9, dropped={}).endswith(
        "the file is another: 9 records, published 10; is it another split or version?"
    )


def test_a_source_of_which_nothing_is_published_cannot_be_complete() -> None:
    assert refusal("ark", dropped={}) == (
        "other counts than published\n  ark: no number of pairs is published; take it out of table5.complete"
    )
