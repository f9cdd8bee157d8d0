"""What policies answered, as tables: requests by (prompt, sample) in, `Generations` and `Evaluations` rows out."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from tqdm import tqdm

from rlhf_data.engines import Generator, Request, Response
from rlhf_data.errors import EngineError, TableError
from rlhf_data.ids import row_seed
from rlhf_data.schemas import Message


def wanted(prompts: pl.DataFrame, *, samples: int, seed: int) -> pl.DataFrame:
    """One row a response to be drawn: `prompt_id`, `prompt`, `sample`, and the seed that is its own."""
    rows = prompts.select("prompt_id", "prompt").join(
        pl.DataFrame({"sample": pl.Series(range(samples), dtype=pl.UInt8)}), how="cross", maintain_order="left"
    )
    seeds = [row_seed(seed, prompt_id, sample) for prompt_id, sample in rows.select("prompt_id", "sample").iter_rows()]
    return rows.with_columns(seed=pl.Series(seeds, dtype=pl.Int64))


def requests(rows: pl.DataFrame) -> list[Request]:
    """`wanted` rows as an engine takes them, in their order."""
    return [Request(prompt, seed) for prompt, seed in rows.select("prompt", "seed").iter_rows()]


def collect(engine: Generator, rows: pl.DataFrame) -> list[Response]:
    """The engine's answers to `wanted` rows, in their order, with a progress bar."""
    found: list[Response | None] = [None] * rows.height
    for place, response in tqdm(engine.generate(requests(rows)), total=rows.height, desc="generate", unit="response"):
        found[place] = response
    answered = [response for response in found if response is not None]
    if len(answered) < rows.height:
        raise EngineError(f"the engine answered {len(answered)} of {rows.height} requests")
    return answered


def with_responses(rows: pl.DataFrame, responses: Sequence[Response]) -> pl.DataFrame:
    """`wanted` rows with what was answered, place by place as the engine's protocol promises."""
    texts = pl.Series([response.text for response in responses], dtype=pl.String)
    return rows.with_columns(
        response=texts,
        response_chars=texts.str.len_chars(),
        response_tokens=pl.Series([response.tokens for response in responses], dtype=pl.UInt32),
        finish_reason=pl.Series([response.finish_reason for response in responses], dtype=pl.String),
    )


def generations(answered: pl.DataFrame, *, iteration: int, temperature: float, job: str) -> pl.DataFrame:
    """Answered rows as `Generations`."""
    return answered.drop("prompt").with_columns(
        iteration=pl.lit(iteration, dtype=pl.UInt8),
        temperature=pl.lit(temperature, dtype=pl.Float32),
        job=pl.lit(job),
    )


def with_prompts(rows: pl.DataFrame, prompts: pl.DataFrame) -> pl.DataFrame:
    """Each row with its `prompt`; raises `TableError` where one is unknown."""
    found = rows.join(
        prompts.select("prompt_id", "prompt"), on="prompt_id", how="left", validate="m:1", maintain_order="left"
    )
    if unknown := found["prompt"].null_count():
        raise TableError(f"{unknown} of {rows.height} responses answer a prompt that is not in the prompts table")
    return found


def conversations(rows: pl.DataFrame, *, turn: str) -> list[list[Message]]:
    """Prompt and final turn (the column `turn`) of each row, for a scorer."""
    return [
        [*prompt, Message(role="assistant", content=response)]
        for prompt, response in rows.select("prompt", turn).iter_rows()
    ]


def with_rewards(rows: pl.DataFrame, scores: Sequence[float], *, job: str) -> pl.DataFrame:
    """Rows with `reward` and the `job` that decided it; raises `EngineError` where a score is NaN or infinite."""
    column = pl.Series("reward", scores, dtype=pl.Float32)
    if broken := (~column.is_finite()).sum():
        raise EngineError(
            f"the reward model gave NaN or infinity to {broken} of {column.len()} responses\n"
            "  train it again with a lower learning rate, or score with precision: fp32"
        )
    return rows.with_columns(column, job=pl.lit(job))


def parts(rows: pl.DataFrame, *, prompts: int) -> dict[str, pl.DataFrame]:
    """`part-00000`, `part-00001`, …: all responses to `prompts` prompts each, in the table's order."""
    placed = rows.with_columns(part=pl.col("prompt_id").rle_id() // prompts)
    found = placed.partition_by("part", include_key=False, maintain_order=True)
    return {f"part-{number:05}": part for number, part in enumerate(found)}
