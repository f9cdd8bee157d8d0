"""Forward passes over rows of unequal length: longest first, within a budget that halves where memory runs out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, TypeVar

from rlhf_data.errors import EngineError
from rlhf_data.inference import memory

Work = TypeVar("Work")


class Batches:
    """Batches of rows of like length, so that padding costs little.

    `budget` is what one batch holds: tokens, padding included, or rows. A batch that memory does not hold is halved,
    and so are all after it; `name` is the parameter that the budget comes from, for the line that says so.
    """

    def __init__(self, name: str, budget: int, unit: Literal["tokens", "rows"] = "tokens") -> None:
        self._name, self._budget, self._unit = name, budget, unit

    def run(self, work: Iterable[Work], length: Callable[[Work], int], forward: Callable[[list[Work]], None]) -> None:
        """Calls `forward` on all work, batch by batch, longest first; a batch is tried again when memory ran out.

        Where memory does not hold a single row, torch's own error is raised: see `out_of_memory_of`.
        """
        import torch

        ahead = sorted(work, key=length, reverse=True)
        while ahead:
            longest = length(ahead[0]) if self._unit == "tokens" else 1
            batch = ahead[: max(1, self._budget // max(1, longest))]
            try:
                forward(batch)
            except (RuntimeError, MemoryError) as error:
                if not memory.out_of_memory(error) or len(batch) == 1:
                    raise
                self._budget = min(self._budget, len(batch) // 2 * longest)
                print(f"out of memory: {self._name} is {self._budget} from here on", flush=True)
            else:
                ahead = ahead[len(batch) :]
                continue
            torch.cuda.empty_cache()  # only now are the failed pass's tensors free


@contextmanager
def out_of_memory_of(row: str, remedy: str) -> Iterator[None]:
    """Turns torch's out-of-memory error for one `row` into an `EngineError` with a remedy."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not memory.out_of_memory(error):
            raise
        raise EngineError(f"memory does not hold the forward pass of a single {row}\n  {remedy}") from error


def padded(rows: Sequence[Sequence[int]], tokenizer: Any, side: Literal["left", "right"], device: Any) -> Any:
    """`input_ids` and `attention_mask`, each (rows, longest row), on the device."""
    ids = {"input_ids": [list(row) for row in rows]}
    return tokenizer.pad(ids, padding_side=side, return_tensors="pt").to(device)


def last_logits(model: Any, inputs: Any, keep: int = 1) -> Any:
    """Logits at the last `keep` positions of left-padded rows: (rows, keep, vocabulary). No other position has any."""
    positions = (inputs["attention_mask"].cumsum(dim=1) - 1).clamp(min=0)
    return model(**inputs, position_ids=positions, use_cache=False, logits_to_keep=keep).logits
