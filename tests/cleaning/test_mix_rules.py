"""Comparisons of several sources given literally: which are dropped, by which rule, and that none is lost."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rlhf_data.cleaning import decontamination, mix_counts
from rlhf_data.cleaning.mix_rules import clean, with_tokens
from rlhf_data.cleaning.mixes import mix, of_sources
from rlhf_data.errors import TableError
from rlhf_data.hashing import content_id, conversation_id
from rlhf_data.params.cleaning import CleanParams, ContaminationParams, EvaluationSet, MixParams, NearDuplicateParams
from rlhf_data.schemas import Counts, Message, MixRejects, Preferences
from rlhf_data.storage import tables

NEAR = NearDuplicateParams(threshold=0.8, words=3, permutations=128, bands=32)
FOX = "Write a short story about a fox who learns to bake bread in a village by the sea and tells nobody at all."
YES = "A fox went to the sea and learned to bake the best bread that anyone in the village had ever eaten there."
NO = "No fox can bake bread, because foxes have no hands and villages by the sea do not let them near an oven."
RULES: dict[str, Any] = {
    "min_margin": {}, "max_tokens": None, "conflicting_labels": "first", "near_duplicates": None, "contamination": None,
}  # fmt: skip


def pairs(*rows: tuple[str, str, str, str], margins: dict[int, float] | None = None) -> pl.DataFrame:
    """`Preferences` with lengths, of (source, prompt, chosen, rejected); a text has a token a word."""
    made = []
    for row, (source, asked, chosen, rejected) in enumerate(rows):
        prompt: list[Message] = [{"role": "user", "content": asked}]
        prompt_id, margin = conversation_id(prompt), (margins or {}).get(row)
        made.append({
            "pair_id": content_id(source, prompt_id, chosen, rejected), "source": source, "row": row,
            "prompt_id": prompt_id, "prompt": prompt, "chosen": chosen, "rejected": rejected,
            "chosen_score": margin, "rejected_score": None if margin is None else 0.0, "margin": margin,
            "annotator": "human", "label_probability": None,
        })  # fmt: skip
    table = pl.DataFrame(made, schema=Preferences.create_empty().schema)
    return with_tokens(table, lengths(table))


def lengths(table: pl.DataFrame) -> pl.DataFrame:
    tokens = {side: pl.col(side).str.split(" ").list.len().cast(pl.UInt32) for side in ("chosen", "rejected")}
    prompt = pl.col("prompt").list.first().struct.field("content").str.split(" ").list.len().cast(pl.UInt32)
    return table.select(
        "pair_id", prompt_tokens=prompt, chosen_tokens=tokens["chosen"], rejected_tokens=tokens["rejected"]
    )


def told(table: pl.DataFrame, against: decontamination.Evaluation | None = None, **rules: Any) -> list[tuple[Any, ...]]:
    """Row, rule and detail of the dropped; the others are kept."""
    kept, dropped = clean(table, CleanParams(**{**RULES, **rules}), against, mix="all", seed=0)
    assert sorted(kept["row"].to_list() + dropped["row"].to_list()) == list(range(table.height))
    assert kept.columns == Preferences.column_names()
    MixRejects.validate(dropped, cast=True)
    return dropped.select("row", "rule", "detail").rows()


def test_small_and_unknown_margins_of_the_sources_that_are_named() -> None:
    table = pairs(
        ("zoo", "a", "b", "c"), ("zoo", "d", "e", "f"), ("zoo", "g", "h", "i"), ("ark", "j", "k", "l"),
        margins={0: 0.5, 1: 0.4, 3: 0.1},
    )  # fmt: skip
    assert told(table, min_margin={"zoo": 0.5}) == [
        (1, "small_margin", "margin 0.4, at least 0.5"),
        (2, "small_margin", "margin unknown, at least 0.5"),
    ]


def test_too_many_tokens_with_the_longer_response() -> None:
    table = pairs(("zoo", "one two", "a", "b"), ("zoo", "one two", "a", "b c d"), ("zoo", "one two", "a b c d", "b"))
    assert told(table, max_tokens=4) == [
        (1, "too_many_tokens", "5 tokens, at most 4"),
        (2, "too_many_tokens", "6 tokens, at most 4"),
    ]


def test_evaluation_items() -> None:
    section = ContaminationParams(
        root="", words=8, overlap=0.5, min_words=1, sets={"eval": EvaluationSet(path="", field="q")}
    )
    against = decontamination.evaluation({"eval": [{"q": "Name a fish."}]}, section)
    table = pairs(
        ("zoo", "  name  a FISH", "b", "c"), ("zoo", "Name a bird.", "b", "c"), ("ark", "name a fish", "d", "e")
    )
    found = told(pl.concat([table, pairs(("ark", "x", "y", "z")).with_columns(row=pl.lit(3, pl.UInt32))]), against)
    assert found == [
        (0, "contaminated", "eval row 0, text 0: the same words"),
        (2, "contaminated", "eval row 0, text 0: the same words"),
    ]


def test_the_same_comparison_in_another_source() -> None:
    table = pairs(("zoo", "a", "b", "c"), ("zoo", "a", "b", "d"), ("ark", "a", "b", "c"), ("ark", "a", "b", "e"))
    assert told(table) == [(2, "duplicate", "says the same as zoo row 0")]


def test_another_spelling_is_the_same_comparison_and_the_same_pair_of_responses() -> None:
    table = pairs(
        ("zoo", "a", "caf\u00e9\nor tea", "c"),
        ("ark", "a", " cafe\u0301\r\nor tea", "c\n"),
        ("ark", "a", "c", "cafe\u0301\ror tea"),
        ("ark", "a", "cafe\nor tea", "c"),
    )
    assert told(table, conflicting_labels="first") == [
        (1, "duplicate", "says the same as zoo row 0"),
        (2, "conflicting_label", "zoo row 0 prefers the other response"),
    ]


@pytest.mark.parametrize(("policy", "dropped"), [("first", [2]), ("neither", [0, 2]), ("keep", [])])
def test_opposite_labels_in_two_sources(policy: str, dropped: list[int]) -> None:
    table = pairs(("zoo", "a", "b", "c"), ("zoo", "d", "b", "c"), ("ark", "a", "c", "b"), ("ark", "a", "c", "e"))
    details = {
        0: (0, "conflicting_label", "ark row 2 prefers the other response"),
        2: (2, "conflicting_label", "zoo row 0 prefers the other response"),
    }
    assert told(table, conflicting_labels=policy) == [details[row] for row in dropped]


def test_near_duplicates_say_nearly_the_same_in_all_three_parts() -> None:
    table = pairs(
        ("zoo", FOX, YES, NO),
        ("zoo", FOX, YES, f"{NO} Never."),  # of the same prompt and source: its responses may be alike
        ("ark", f"Please: {FOX}", YES.upper(), NO),
        ("ark", f"Please: {FOX}", NO, YES),  # the opposite label, of another wording
        ("ark", FOX, "I will not.", NO),
        ("ark", "Name a fish.", YES, NO),
        ("ark", FOX, YES, f"Indeed, {NO}"),
    )
    assert told(table, near_duplicates=NEAR) == [
        (2, "near_duplicate", "nearly says the same as zoo row 0"),
        (6, "near_duplicate", "nearly says the same as zoo row 0"),
    ]
    assert told(table) == []


def test_what_a_dropped_comparison_said_is_kept() -> None:
    table = pairs(("zoo", "a", "b", "ç"), ("zoo", "x", "b", "c"), margins={0: 0.1, 1: 3})
    _, dropped = clean(table, CleanParams(**{**RULES, "min_margin": {"zoo": 1}}), None, mix="all", seed=0)
    assert json.loads(dropped["raw"][0]) == {
        "prompt": [{"role": "user", "content": "a"}], "chosen": "b", "rejected": "ç",
        "chosen_score": 0.1, "rejected_score": 0.0,
    }  # fmt: skip


def test_a_source_of_which_nothing_stays_is_refused() -> None:
    table = pairs(("zoo", "a", "b", "c"), ("ark", "d", "b", "c"), ("ark", "d", "e e e", "c"))
    with pytest.raises(TableError, match=r"mix all: none of the 2 comparisons of ark stays \(small_margin 2\)"):
        told(table, min_margin={"ark": 1})


def test_a_comparison_without_token_counts_is_refused() -> None:
    table = pairs(("zoo", "a", "b", "c"), ("zoo", "d", "b", "c"))
    with pytest.raises(TableError, match="1 of 2 comparisons have no token counts"):
        with_tokens(table.drop("prompt_tokens", "chosen_tokens", "rejected_tokens"), lengths(table)[1:])


@pytest.mark.parametrize("seed", range(8))
def test_whatever_the_rules_every_comparison_is_accounted_for(seed: int) -> None:
    draw = random.Random(seed)
    texts = [FOX, f"Please: {FOX}", "Name a fish.", "name a fish", "Name a bird.", *"abcdef"]
    responses = [YES, YES.upper(), NO, f"{NO} Never.", *"uvwxyz"]
    rows = {
        (source, draw.choice(texts), *draw.sample(responses, 2)) for source in ("zoo", "ark", "ox") for _ in range(90)
    }
    table = pairs(*sorted(rows), margins={row: draw.random() for row in range(0, len(rows), 2)})
    section = ContaminationParams(
        root="", words=8, overlap=0.5, min_words=1, sets={"eval": EvaluationSet(path="", field="q")}
    )
    against = decontamination.evaluation({"eval": [{"q": "Name a fish."}]}, section)
    rules = CleanParams(
        min_margin={"zoo": 0.5}, max_tokens=draw.choice([None, 40]), near_duplicates=NEAR, contamination=section,
        conflicting_labels=draw.choice(["first", "neither", "keep"]),
    )  # fmt: skip
    wanted = MixParams(
        sources={"ox": draw.random() or 1, "zoo": 1.0}, max_pairs=draw.choice([None, 20]), max_test_pairs=3
    )
    offered = (
        table["source"]
        .value_counts()
        .select("source", kind=pl.lit("preferences"), raw="count", kept="count", rows="count")
    )
    ingested = Counts.cast(offered.with_columns(unread=pl.lit([]), markup=0))

    kept, dropped = clean(of_sources(table, wanted.sources), rules, against, mix="some", seed=seed)
    sides = mix(kept, wanted, held_out=0.3, seed=seed)._asdict()
    account = mix_counts.of_mix("some", wanted.sources, sides=sides, dropped=dropped, ingested=ingested)

    everywhere = [one for side in (*sides.values(), dropped) for one in side["pair_id"]]
    assert sorted(everywhere) == sorted(table.filter(pl.col("source") != "ark")["pair_id"])
    assert account.group_by("source").agg(pl.col("rows").sum()).sort("source").rows() == (
        offered.filter(pl.col("source") != "ark").select("source", pl.col("rows").cast(pl.Int64)).sort("source").rows()
    )
    assert len(set(account["rule"])) > 5
    assert not set(sides["train"]["prompt_id"]) & set(sides["test"]["prompt_id"])
    for side in sides.values():
        assert tables.check(side, Preferences, Path("mix")).height == side.height
    with pytest.raises(TableError, match="mix some: its comparisons do not add up"):
        mix_counts.of_mix("some", wanted.sources, sides=sides, dropped=dropped[1:], ingested=ingested)
    with pytest.raises(TableError, match=r"do not add up to those that ingest gave: ark$"):
        mix_counts.of_mix("some", None, sides=sides, dropped=dropped, ingested=ingested)
