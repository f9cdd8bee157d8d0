"""Sequence log-probability of a response under a causal LM: log π(y given x) in nats, summed over its tokens.

DPO's reference log-probabilities are of pairs and come from TRL (`trainers.open_reference`); these are of single
responses, over the sampled tokens alone: a response cut at the token limit has no end of turn. A response is tokenized
again from its text, which may give other tokens than those that were sampled.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from rlhf_data.errors import EngineError
from rlhf_data.inference import batching
from rlhf_data.models import chat_template, checkpoints
from rlhf_data.schemas import Message


def open_model(
    checkpoint: Path, *, precision: str, attention: str, batch_size: int
) -> Callable[[pl.DataFrame], list[float]]:
    """Loads a policy and returns the function that gives rows their log-probabilities.

    Rows have `prompt`, `response` and `finish_reason`. In nats at temperature 1, summed over the response's tokens, its
    end of turn included where it has one.
    """
    import torch

    tokenizer: Any = checkpoints.tokenizer(checkpoint)
    model = checkpoints.for_inference(
        checkpoints.causal(checkpoint, precision=precision, attention=attention), tokenizer
    )
    ends = checkpoints.end_ids(tokenizer, model.generation_config)
    batches = batching.Batches("history.batch_size", batch_size, "rows")

    def logps(rows: pl.DataFrame) -> list[float]:
        columns = rows.select("prompt", "response", "finish_reason").iter_rows()
        read = [_read(prompt, response, reason == "stop", tokenizer, ends) for prompt, response, reason in columns]
        found = dict[int, float]()

        def forward(places: list[int]) -> None:
            found.update(zip(places, _batch(model, tokenizer, [read[place] for place in places]), strict=True))

        with (
            torch.inference_mode(),
            batching.out_of_memory_of("response", "compute with precision: bf16, or on a larger device"),
        ):
            batches.run(range(len(read)), lambda place: len(read[place][0]) + len(read[place][1]), forward)
        return [found[place] for place in range(len(read))]

    return logps


def _read(
    prompt: list[Message], response: str, finished: bool, tokenizer: Any, ends: set[int]
) -> tuple[list[int], list[int]]:
    """Token ids of the prompt with the generation prompt, and of the response."""
    asked = chat_template.rendered(tokenizer, prompt, add_generation_prompt=True)
    whole = chat_template.rendered(tokenizer, [*prompt, {"role": "assistant", "content": response}])
    if not whole.startswith(asked):
        raise EngineError("the chat template does not put an answer where it lets the model begin to write")
    given, wrote = tokenizer([asked, whole[len(asked) :] if finished else response], add_special_tokens=False)[
        "input_ids"
    ]
    end = next((at for at, token in enumerate(wrote) if finished and token in ends), len(wrote))
    return given, wrote[: end + 1]  # templates may go on after the end of turn


def _batch(model: Any, tokenizer: Any, rows: list[tuple[list[int], list[int]]]) -> list[float]:
    import torch

    # padded on the left, so that all end at the last position, and logits are made for the responses alone
    inputs = batching.padded([given + wrote for given, wrote in rows], tokenizer, "left", model.device)
    lengths = torch.tensor([len(wrote) for _, wrote in rows], device=model.device)
    longest = int(lengths.max())
    if longest == 0:
        return [0.0] * len(rows)
    logits = batching.last_logits(model, inputs, longest + 1)[:, :-1].float()
    drawn = inputs["input_ids"][:, -longest:]
    found = logits.gather(2, drawn[:, :, None])[:, :, 0] - logits.logsumexp(dim=2)
    is_response = torch.arange(longest, device=model.device) >= longest - lengths[:, None]
    sums: list[float] = torch.where(is_response, found, 0.0).sum(dim=1).tolist()
    return sums
