"""PandaLM's human-judged pairs → the majority's comparison, or the prompt.

    {"instruction": "Shorten this.", "input": "It is raining a lot.", "response1": "It pours.",
     "response2": "Rain.", "annotator1": 1, "annotator2": 1, "annotator3": 0}

An annotator says 1 or 2 for the better response, 0 for a tie.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from rlhf_data.schemas import Message
from rlhf_data.sources import chats, fields
from rlhf_data.sources.about import About
from rlhf_data.sources.records import BadRecord, Comparison, Prompt

ABOUT = About(
    title="PandaLM test set",
    url="https://github.com/WeOpenML/PandaLM",
    licence="Apache-2.0",
    non_commercial=False,
    citation="Wang et al. (2023). PandaLM: An Automatic Evaluation Benchmark for LLM Instruction Tuning Optimization. "
    "arXiv 2306.05087",
    responses="LLM",
    annotator="human",
)
LEAVES = ("annotator1", "annotator2", "annotator3", "cmp_key", "motivation_app", "response1", "response2")


def preferences(record: Any) -> list[Comparison]:
    first, second = fields.text(record, "response1"), fields.text(record, "response2")
    votes = [_vote(record, f"annotator{number}") for number in (1, 2, 3)]
    (winner, times), *_ = Counter(votes).most_common()
    if times == 1:
        raise BadRecord("no_majority", f"the votes are {votes}")
    if winner == 0:
        raise BadRecord("tie", f"the votes are {votes}")
    chosen, rejected = (first, second) if winner == 1 else (second, first)
    return [Comparison(_prompt(record), chosen, rejected)]


def prompts(record: Any) -> list[Prompt]:
    return [Prompt(_prompt(record))]


def _prompt(record: Any) -> list[Message]:
    return chats.asked(fields.text(record, "instruction"), fields.optional_text(record, "input"))


def _vote(record: Any, name: str) -> int:
    vote = fields.number(record, name)
    if vote not in (0, 1, 2):
        raise BadRecord("wrong_layout", f"field {name!r} is {vote}, not 0, 1 or 2")
    return int(vote)
