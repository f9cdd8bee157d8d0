"""The sweep over length penalties, held against the code that makes the pairs."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from rlhf_data.evaluation.length_penalty import penalties, sweep
from rlhf_data.loop import pairs
from rlhf_data.schemas import Message

# what white space may be: trimmed by both, or by neither (U+200B, U+001C)
TEXTS = ["", " ", "\u00a0\u2003", "yes", " yes\n", "\u3000yes\u0085", "yes\u200b", "\x1cyes", "no", "perhaps it is so"]
SETTINGS = [(0.25, 0.0, True), (0.0, 0.5, True), (0.1, 0.0, False)]  # λ in use, min_margin, drop_truncated


def rows(seed: int) -> pl.DataFrame:
    """Responses with equal rewards, lengths and words, empty and truncated ones; prompts of 1 to 6 of them."""
    rng = np.random.default_rng(seed)
    size = 600
    texts = rng.choice(TEXTS, size)
    return (
        pl.DataFrame(
            {
                "prompt_id": [f"{n:03}" for n in rng.integers(0, 200, size)],
                "response": texts,
                "response_chars": rng.integers(1, 9, size).astype(np.uint32),
                "finish_reason": rng.choice(["stop", "length"], size, p=[0.8, 0.2]),
                "reward": (rng.integers(-4, 5, size) / 4).astype(np.float32),
                "iteration": np.ones(size, np.uint8),
            }
        )
        .with_columns(sample=pl.int_range(pl.len()).over("prompt_id").cast(pl.UInt8))
        .sample(fraction=1, shuffle=True, seed=seed)
    )


def made(table: pl.DataFrame, penalty: float, min_margin: float, drop_truncated: bool) -> pl.DataFrame:
    asked: list[Message] = [{"role": "user", "content": "Is it?"}]
    prompts = table.select("prompt_id").unique().with_columns(prompt=pl.lit([asked]).list.first())
    found = pairs.best_worst(
        table, prompts, length_penalty=penalty, min_margin=min_margin, drop_truncated=drop_truncated
    ).pairs
    chars = table.select("prompt_id", "sample", "response_chars")
    for side in ("chosen", "rejected"):
        theirs = chars.rename({"sample": f"{side}_sample", "response_chars": f"{side}_chars"})
        found = found.join(theirs, on=["prompt_id", f"{side}_sample"], how="left", validate="1:1")
    return found


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("in_use", "min_margin", "drop_truncated"), SETTINGS)
def test_the_sweep_makes_the_pairs_that_best_worst_makes(
    seed: int, in_use: float, min_margin: float, drop_truncated: bool
) -> None:
    table = rows(seed)
    halves = [table.filter(pl.col("prompt_id") < "100"), table.filter(pl.col("prompt_id") >= "100")]
    answer = sweep(
        halves, penalties(0.0, 0.5, 11), length_penalty=in_use, min_margin=min_margin, drop_truncated=drop_truncated
    )

    key = ["prompt_id", "chosen_sample", "rejected_sample"]
    now = made(table, in_use, min_margin, drop_truncated)
    assert answer["length_penalty"].to_list() == pytest.approx([n * 0.05 for n in range(11)])
    assert 0 < answer["changed"].max() < 1  # type: ignore[operator]
    for row in answer.iter_rows(named=True):
        then = made(table, row["length_penalty"], min_margin, drop_truncated)
        both = then.join(now, on=key, how="semi").height
        either = pl.concat([then.select("prompt_id"), now.select("prompt_id")]).unique().height
        assert row["pairs"] == then.height > 0
        assert row["changed"] == pytest.approx(1 - both / either, abs=1e-12)
        for name in ("chosen_chars", "rejected_chars"):
            assert row[name] == pytest.approx(then[name].mean(), abs=1e-9)
        # a margin is kept in 32 bits by the pairs table, and in 64 by both of these
        assert row["margin"] == pytest.approx(then["margin"].mean(), abs=1e-9)


def test_no_pair_is_null_and_not_zero() -> None:
    table = rows(0).with_columns(response=pl.lit("the same"))
    answer = sweep([table], [0.0, 1.0], length_penalty=0.0, min_margin=0.0, drop_truncated=False)

    assert answer.rows() == [(0.0, 0, None, None, None, None), (1.0, 0, None, None, None, None)]
