"""Groups of conversations that share a prompt, hence a prefix of token ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from rlhf_data.schemas import Message

# Share of a group's tokens from which computing its prompt apart saves time. Measured with a Llama of 1M parameters on
# one CPU thread, K = 8 and batches of 2,048 tokens: where it saves 0.08 of the tokens, whole rows took 0.96 of its CPU
# time; at 0.14, 1.05; at 0.20, 1.02; at 0.29, 1.25; at 0.43, 1.52.
WORTH_SHARING = 0.15

Ids = tuple[int, ...]


class Group(NamedTuple):
    """Distinct rows of token ids with a common prefix of `shared` tokens, each longer than it."""

    shared: int
    rows: list[Ids]


def groups(prompts: Sequence[list[Message]], rows: Sequence[Ids], *, max_length: int) -> list[Group]:
    """The distinct rows of each prompt.

    Rows of `max_length` tokens may be truncated at the beginning, each by another length, and form groups of their own.
    """
    found: dict[Any, dict[Ids, None]] = {}
    for prompt, row in zip(prompts, rows, strict=True):
        turns = tuple((turn["role"], turn["content"]) for turn in prompt)
        found.setdefault((turns, len(row) == max_length), {})[row] = None
    return [Group(shared_tokens(list(same)), list(same)) for same in found.values()]


def shared_tokens(rows: list[Ids]) -> int:
    """Length of the longest common prefix that leaves each row at least one token."""
    first, last = min(rows), max(rows)  # what these agree on, all between them do
    shortest = min(len(row) for row in rows)
    return next((place for place in range(shortest - 1) if first[place] != last[place]), shortest - 1)


def pays(group: Group) -> bool:
    """Whether computing the prompt once saves enough: the share of the group's tokens that need no second pass."""
    return group.shared * (len(group.rows) - 1) > WORTH_SHARING * sum(len(row) for row in group.rows)
