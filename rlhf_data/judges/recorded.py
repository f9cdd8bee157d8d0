"""Scores that somebody's judge gave, looked up by the texts that they are of."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from rlhf_data.errors import EngineError
from rlhf_data.hashing import content_id, conversation_id, normal_form
from rlhf_data.inference.protocols import ResponsePair
from rlhf_data.schemas import Message, RecordedScores
from rlhf_data.storage import tables

SCORES = "scores.parquet"  # in the judge's folder
QUOTED = 60  # characters of a text in a message


def text_id(response: str) -> str:
    """What stands for a response: the hash of its normal form."""
    return content_id(normal_form(response))


class RecordedScorer:
    """As `Scorer`, and for comparisons: raises `EngineError` where a text has no score."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cached_property
    def _scores(self) -> dict[tuple[str, str, str], tuple[float, float]]:
        rows = tables.read(self._folder / SCORES, RecordedScores).iter_rows()
        return {(prompt_id, first, second): (high, low) for prompt_id, first, second, high, low in rows}

    def score(self, conversations: Sequence[list[Message]]) -> list[float]:
        """The recorded score of each conversation's final turn."""
        keys = [(conversation_id(turns[:-1]), text_id(turns[-1]["content"]), "") for turns in conversations]
        absent = [turns for turns, key in zip(conversations, keys, strict=True) if key not in self._scores]
        self._refuse(len(absent), len(keys), *(turn["content"] for turns in absent[:1] for turn in turns[-2:]))
        return [self._scores[key][0] for key in keys]

    def prefer(self, comparisons: Sequence[ResponsePair]) -> list[float]:
        """P(first is better): 1, 0, or 0.5 where both scores are the same; on what scale they are, no file says."""
        found, absent = list[float](), list[ResponsePair]()
        for one in comparisons:
            scores = self._of(conversation_id(one.prompt), text_id(one.first), text_id(one.second))
            if scores is None:
                absent.append(one)
            else:
                found.append(0.5 + 0.5 * ((scores[0] > scores[1]) - (scores[0] < scores[1])))
        said = [text for one in absent[:1] for text in (one.prompt[-1]["content"], one.first)]
        self._refuse(len(absent), len(comparisons), *said)
        return found

    def _of(self, prompt_id: str, first: str, second: str) -> tuple[float, float] | None:
        if pair := self._scores.get((prompt_id, min(first, second), max(first, second))):
            return pair if first <= second else (pair[1], pair[0])
        one, other = (self._scores.get((prompt_id, text, "")) for text in (first, second))
        return None if one is None or other is None else (one[0], other[0])

    def _refuse(self, absent: int, wanted: int, *said: str) -> None:
        if absent:
            asked, answered = (f"{text[:QUOTED]!r}" for text in said)
            raise EngineError(
                f"{self._folder.name}: {absent} of {wanted} have no recorded score; the first: {asked} answered by "
                f"{answered}\n  record one, or take the judge out of what it is to judge"
            )
