"""Requests and completions as tables: rows by (prompt, sample) to engines and back, and their rewards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl
from tqdm import tqdm

from rlhf_data.errors import EngineError, TableError
from rlhf_data.hashing import content_id, row_seed
from rlhf_data.inference.protocols import Completion, Generator, Request, Scorer
from rlhf_data.schemas import Message

# What decides a row, and what an engine gives for it; `job` is the engine's fingerprint
ASKED = ("prompt_id", "sample", "seed", "temperature", "job")
ANSWERED = ("response", "response_chars", "response_tokens", "finish_reason")
JUDGED = ("prompt_id", "response_id", "job")

AT_ONCE = 256  # requests that are made ready together


def wanted(prompts: pl.DataFrame, *, samples: int, temperatures: Sequence[float], seed: int, job: str) -> pl.DataFrame:
    """One row per response to be sampled, with what decides it (`ASKED`); the samples take the temperatures in turn."""
    numbers = pl.DataFrame(
        {
            "sample": pl.Series(range(samples), dtype=pl.UInt8),
            "temperature": pl.Series([temperatures[n % len(temperatures)] for n in range(samples)], dtype=pl.Float32),
        }
    )
    rows = prompts.select("prompt_id").join(numbers, how="cross", maintain_order="left")
    seeds = [row_seed(seed, prompt_id, sample) for prompt_id, sample in rows.select("prompt_id", "sample").iter_rows()]
    return rows.with_columns(seed=pl.Series(seeds, dtype=pl.Int64), job=pl.lit(job))


def answer(engine: Generator, rows: pl.DataFrame, prompts: pl.DataFrame, *, part: int) -> Iterator[pl.DataFrame]:
    """`wanted` rows with the engine's completions, `part` at a time as they are ready, with a progress bar.

    Where the engine fails or is interrupted, the completed rows come first. Raises `EngineError` where it
    leaves a request without a completion.
    """
    total = 0
    ready: list[tuple[int, Completion]] = []
    progress = tqdm(total=rows.height, desc="generate", unit="response")
    try:
        for one in engine.generate(_requests(rows, prompts)):
            ready.append(one)
            progress.update()
            if len(ready) == part:
                some, ready = ready, []
                total += len(some)
                yield _with_responses(rows, some)
    except GeneratorExit:
        raise  # nobody takes more
    except BaseException:
        if ready:
            yield _with_responses(rows, ready)
        raise
    finally:
        progress.close()
    if ready:
        yield _with_responses(rows, ready)
    if total + len(ready) < rows.height:
        raise EngineError(f"the engine answered {total + len(ready)} of {rows.height} requests")


def _requests(rows: pl.DataFrame, prompts: pl.DataFrame) -> Iterator[Request]:
    columns = ("prompt", "seed", "temperature")
    for some in rows.iter_slices(AT_ONCE):
        yield from (Request(*row) for row in with_prompts(some, prompts).select(columns).iter_rows())


def _with_responses(rows: pl.DataFrame, answers: Sequence[tuple[int, Completion]]) -> pl.DataFrame:
    """The rows of these completions, with them."""
    texts = pl.Series([response.text for _, response in answers], dtype=pl.String)
    return rows[[place for place, _ in answers]].with_columns(
        response=texts,
        response_chars=texts.str.len_chars(),
        response_tokens=pl.Series([response.tokens for _, response in answers], dtype=pl.UInt32),
        finish_reason=pl.Series([response.finish_reason for _, response in answers], dtype=pl.String),
    )


def generations(answered: pl.DataFrame, *, iteration: int) -> pl.DataFrame:
    """Answered rows as `Generations`."""
    return answered.with_columns(iteration=pl.lit(iteration, dtype=pl.UInt8))


def with_prompts(rows: pl.DataFrame, prompts: pl.DataFrame) -> pl.DataFrame:
    """Each row with its `prompt`; raises `TableError` where one is unknown."""
    found = rows.join(
        prompts.select("prompt_id", "prompt"), on="prompt_id", how="left", validate="m:1", maintain_order="left"
    )
    if unknown := found["prompt"].null_count():
        raise TableError(f"{unknown} of {rows.height} responses answer a prompt that is not in the prompts table")
    return found


def to_judge(rows: pl.DataFrame, *, judge: str, job: str) -> pl.DataFrame:
    """Responses with what decides their rewards (`JUDGED`): prompt, text, and the judge's fingerprint as `job`."""
    texts = [content_id(text) for text in rows["response"]]
    return rows.with_columns(response_id=pl.Series(texts, dtype=pl.String), judge=pl.lit(judge), job=pl.lit(job))


def judge(scorer: Scorer, rows: pl.DataFrame, prompts: pl.DataFrame, *, part_prompts: int) -> Iterator[pl.DataFrame]:
    """`to_judge` rows with their `reward`, all responses to `part_prompts` prompts at a time."""
    with tqdm(total=rows.height, desc="rewards", unit="response") as progress:
        for part in parts(rows, prompts=part_prompts).values():
            yield with_rewards(part, scorer.score(conversations(with_prompts(part, prompts), turn="response")))
            progress.update(part.height)


def conversations(rows: pl.DataFrame, *, turn: str) -> list[list[Message]]:
    """Prompt and final turn (the column `turn`) of each row, for a scorer."""
    return [
        [*prompt, Message(role="assistant", content=response)]
        for prompt, response in rows.select("prompt", turn).iter_rows()
    ]


def with_rewards(rows: pl.DataFrame, scores: Sequence[float]) -> pl.DataFrame:
    """Rows with `reward`; raises `EngineError` where a score is NaN or infinite."""
    column = pl.Series("reward", scores, dtype=pl.Float32)
    if broken := (~column.is_finite()).sum():
        raise EngineError(
            f"the reward model gave NaN or infinity to {broken} of {column.len()} responses\n"
            "  train it again with a lower learning rate, or score with precision: fp32"
        )
    return rows.with_columns(column)


def parts(rows: pl.DataFrame, *, prompts: int) -> dict[str, pl.DataFrame]:
    """`part-00000`, `part-00001`, …: all responses to `prompts` prompts each, in the table's order."""
    placed = rows.with_columns(part=pl.col("prompt_id").rle_id() // prompts)
    found = placed.partition_by("part", include_key=False, maintain_order=True)
    return {f"part-{number:05}": part for number, part in enumerate(found)}
