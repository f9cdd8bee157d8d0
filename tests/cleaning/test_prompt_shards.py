"""Prompts given literally: which are dropped and why, and the shard that each of the others is dealt to."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest

from rlhf_data.cleaning import decontamination
from rlhf_data.cleaning.prompt_shards import HELD_OUT, deal, usable
from rlhf_data.errors import TableError
from rlhf_data.hashing import content_id, conversation_id
from rlhf_data.params.cleaning import ContaminationParams, EvaluationSet, NearDuplicateParams
from rlhf_data.schemas import PromptPool, Rejects


def asked(prompt_id: str) -> list[dict[str, str]]:
    """With seed 0, the prompts of b, c, i and j are held out at a share of 0.25."""
    return [{"role": "user", "content": f"{prompt_id} 1230"}]


ITERATIONS = ["iter1", "iter2"]
MANY = [("zoo", n, f"prompt {n}", 5) for n in range(400)]


def pool(rows: list[tuple[str, int, str, int]]) -> pl.DataFrame:
    schema: dict[str, Any] = {**PromptPool.create_empty().schema, "prompt_tokens": pl.UInt32}
    return pl.DataFrame(
        [(source, row, prompt_id, asked(prompt_id), None, tokens) for source, row, prompt_id, tokens in rows],
        schema=schema,
        orient="row",
    )


def judged(table: pl.DataFrame, **rules: Any) -> tuple[pl.DataFrame, pl.DataFrame]:
    return usable(table, **{"max_tokens": 10, "against": None, "near": None, "seed": 0, **rules})


def asking(*texts: str) -> pl.DataFrame:
    """A pool of one source, in which every text is another prompt."""
    said = [[{"role": "user", "content": text}] for text in texts]
    ids = [conversation_id(prompt) for prompt in said]  # type: ignore[arg-type]
    rows = pool([("zoo", row, one, 5) for row, one in enumerate(ids)])
    return rows.with_columns(prompt=pl.Series(said, dtype=rows.schema["prompt"]))


def dealt(rows: list[tuple[str, int, str, int]], *, size: int = 1000, iterations: list[str] = ITERATIONS,
          seed: int = 0) -> dict[str, list[str]]:  # fmt: skip
    prompts, _ = judged(pool(rows))
    shards = deal(prompts, dict.fromkeys([*iterations, *HELD_OUT], size), shards=2, held_out=0.25, seed=seed)
    return {name: shard["prompt_id"].to_list() for name, shard in shards.items()}


def test_long_and_repeated_prompts_are_dropped_on_the_record() -> None:
    kept, rejects = judged(
        pool([("zoo", 0, "a", 10), ("zoo", 1, "b", 11), ("ark", 7, "a", 10), ("zoo", 2, "c", 1), ("zoo", 3, "c", 1)])
    )
    assert kept.select("source", "row", "prompt_id").rows() == [("ark", 7, "a"), ("zoo", 2, "c")]
    assert rejects.rows() == [
        ("zoo", 0, "duplicate", "of ark row 7", json.dumps({"prompt": asked("a")})),
        ("zoo", 1, "prompt_too_long", "11 tokens, at most 10", json.dumps({"prompt": asked("b")})),
        ("zoo", 3, "duplicate", "of zoo row 2", json.dumps({"prompt": asked("c")})),
    ]
    Rejects.validate(rejects, cast=True)


def test_a_prompt_that_is_long_and_repeated_has_one_reject() -> None:
    kept, rejects = judged(pool([("ark", 0, "a", 11), ("zoo", 0, "a", 11)]))
    assert kept.height == 0
    assert rejects["rule"].to_list() == ["prompt_too_long", "prompt_too_long"]


def test_shards_are_disjoint_and_lose_nothing() -> None:
    for size in (1000, 50, 1):
        shards = dealt(MANY, size=size)
        assert list(shards) == ["iter1", "iter2", "dev", "test", "unused"]
        assert sorted(one for shard in shards.values() for one in shard) == sorted(name for _, _, name, _ in MANY)
        assert all(len(shard) <= size for name, shard in shards.items() if name != "unused")


def test_dev_and_test_hold_the_held_out_share() -> None:
    # with seed 0, b, c, i and j are held out at a share of 0.25
    shards = dealt([("zoo", n, name, 1) for n, name in enumerate("abcdefghijkl")])
    assert sorted(shards["iter1"] + shards["iter2"]) == list("adefghkl")
    assert sorted(shards["dev"] + shards["test"]) == list("bcij")
    assert shards["unused"] == []
    found = dealt(MANY)
    assert len(found["dev"] + found["test"]) / 400 == pytest.approx(0.25, abs=0.07)
    assert len(found["dev"]) / len(found["dev"] + found["test"]) == pytest.approx(0.5, abs=0.15)
    assert len(found["iter1"]) / len(found["iter1"] + found["iter2"]) == pytest.approx(0.5, abs=0.12)


def test_sources_that_are_evaluated_on_are_for_dev_and_test_alone() -> None:
    rows = [*MANY, *[("ark", n, f"other {n}", 5) for n in range(60)]]
    prompts, _ = judged(pool(rows))
    given: dict[str, Any] = {"shards": 2, "held_out": 0.25, "seed": 0}
    sizes = dict.fromkeys([*ITERATIONS, *HELD_OUT], 1000)
    found, before = deal(prompts, sizes, **given, evaluated=["ark"]), deal(prompts, sizes, **given)
    assert {*found["dev"]["source"], *found["test"]["source"]} == {"ark"}
    assert found["dev"].height + found["test"].height == 60
    for name in ITERATIONS:  # what a judge's test side may hold is trained on no more than before
        assert found[name].equals(before[name].filter(pl.col("source") == "zoo"))
    held_out = pl.concat([before[name] for name in HELD_OUT]).filter(pl.col("source") == "zoo")
    assert set(found["unused"]["prompt_id"]) == set(held_out["prompt_id"])


def test_a_prompt_that_starts_as_one_that_is_evaluated_on_is_in_no_iteration() -> None:
    first, again, other = "What is rain?", " What is rain? \n", "What is snow?"
    table = asking(first, "A place for the next", other).with_columns(source=pl.Series(["ark", "zoo", "zoo"]))
    said = table["prompt"].to_list()
    said[1] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": again}]
    table = table.with_columns(prompt=pl.Series(said, dtype=table.schema["prompt"]))
    many = pl.concat([table, pool(MANY)]).with_columns(prompt_tokens=pl.lit(5, dtype=pl.UInt32))
    more = asking(*[f"What is {n}?" for n in range(20)]).with_columns(source=pl.lit("ark"))
    sizes = dict.fromkeys([*ITERATIONS, *HELD_OUT], 1000)
    found = deal(pl.concat([many, more]), sizes, shards=2, held_out=0.0, seed=0, evaluated=["ark"])
    texts = {name: [prompt[-1]["content"] for prompt in shard["prompt"].to_list()] for name, shard in found.items()}
    assert first in texts["dev"] + texts["test"]
    assert texts["unused"] == [again]
    assert other in texts["iter1"] + texts["iter2"]


def test_beyond_a_shards_size_prompts_are_unused() -> None:
    large, small = dealt(MANY), dealt(MANY, size=20)
    for name in ("iter1", "iter2", "dev", "test"):
        assert small[name] == large[name][:20]
    assert sorted(small["unused"]) == sorted(
        one for name in ("iter1", "iter2", "dev", "test") for one in large[name][20:]
    )


def test_a_new_source_moves_no_prompt() -> None:
    before, after = dealt(MANY), dealt([("ark", n, f"other {n}", 5) for n in range(200)] + MANY)
    for name in ("iter1", "iter2", "dev", "test"):
        assert [one for one in after[name] if one.startswith("prompt")] == before[name]


def test_the_order_is_the_seeds_and_not_the_rows() -> None:
    assert dealt(MANY) == dealt(MANY[::-1])
    assert dealt(MANY, seed=1) != dealt(MANY)


def test_a_shard_without_prompts_is_refused() -> None:
    prompts, rejects = judged(pool([]))
    assert rejects.height == 0
    with pytest.raises(TableError, match="0 prompts are too few: none is left for iter1"):
        deal(prompts, dict.fromkeys([*ITERATIONS, *HELD_OUT], 5), shards=2, held_out=0.25, seed=0)


def test_a_new_iteration_moves_no_prompt() -> None:
    rows = [("zoo", row, f"p{row}", 5) for row in range(400)]
    two, five = (dealt(rows, size=40, iterations=[f"iter{t}" for t in range(1, last)]) for last in (3, 6))

    assert {name: five[name] for name in ("iter1", "iter2", "dev", "test")} == {
        name: two[name] for name in ("iter1", "iter2", "dev", "test")
    }
    assert sum(len(five[name]) for name in five) == len({one for name in five for one in five[name]}) == 400
    assert set(five["iter3"] + five["iter4"] + five["iter5"]) <= set(two["unused"])
    assert [len(five[f"iter{t}"]) for t in range(1, 6)] == [40] * 5


FOX = "Write a short story about a fox who learns to bake bread in a village by the sea and tells nobody at all."


def test_an_evaluation_item_and_a_near_duplicate_are_dropped_on_the_record() -> None:
    table = asking("What is rain?", f"{FOX} Please.", " name   a fish", FOX, "What is snow?")
    section = ContaminationParams(
        root="", words=8, overlap=0.5, min_words=1, sets={"eval": EvaluationSet(path="", field="q")}
    )
    against = decontamination.evaluation({"eval": [{"q": "Name a fish."}]}, section)
    near = NearDuplicateParams(threshold=0.8, words=3, permutations=128, bands=32)

    kept, rejects = judged(table, against=against, near=near)

    assert kept["row"].to_list() == [0, 1, 4]
    assert rejects.select("row", "rule", "detail").rows() == [
        (2, "contaminated", "eval row 0, text 0: the same words"),
        (3, "near_duplicate", "of zoo row 1, similarity 0.95"),
    ]
    assert json.loads(rejects["raw"][1]) == {"prompt": [{"role": "user", "content": FOX}]}
    Rejects.validate(rejects, cast=True)


def test_the_paper_s_sixty_thousand_prompts() -> None:
    def rows(source: str, number: int) -> list[tuple[str, int, str, int]]:
        return [(source, row, content_id(source, str(row)), 5) for row in range(number)]

    names = ["iter1", "iter2", "iter3"]
    sizes = {**dict.fromkeys(names, 20_000), "dev": 1000, "test": 1000}

    def shards(table: pl.DataFrame) -> dict[str, pl.DataFrame]:
        return deal(judged(table)[0], sizes, shards=3, held_out=0.05, seed=42)

    before, after = shards(pool(rows("old", 64_000))), shards(pool(rows("old", 64_000) + rows("new", 6_000)))

    assert {name: table.height for name, table in before.items() if name != "unused"} == sizes
    ids = pl.concat([table["prompt_id"] for table in before.values()])
    assert ids.len() == ids.n_unique() == 64_000
    # a larger pool pushes some of a full shard's last prompts to the unused ones, and none to another shard
    shard = {one: name for name, table in after.items() for one in table["prompt_id"]}
    for name in sizes:
        moved = {shard[one] for one in before[name]["prompt_id"]}
        assert moved <= {name, "unused"}
