r"""HumanEvalPack's problems → comparisons of right and buggy code, or their instructions as prompts.

    {"instruction": "Write a Python function `one() -> int`.", "declaration": "def one() -> int:\n",
     "canonical_solution": "    return 1\n", "buggy_solution": "    return 2\n"}

A response is the whole function: its declaration and a body. RewardBench makes its hep-* subsets of the same solutions,
six languages with 164 problems each. A benchmark: to measure with, not to train on.
"""

from __future__ import annotations

from typing import Any

from rlhf_data.sources import chats, fields
from rlhf_data.sources.about import About
from rlhf_data.sources.records import Comparison, Prompt

ABOUT = About(
    title="HumanEvalPack",
    url="https://huggingface.co/datasets/bigcode/humanevalpack",
    licence="MIT",
    non_commercial=False,
    citation="Muennighoff et al. (2023). OctoPack: Instruction Tuning Code Large Language Models. arXiv 2308.07124",
    responses="human",
    annotator="benchmark",
)
LEAVES = ("buggy_solution", "canonical_solution", "declaration", "task_id")


def preferences(record: Any) -> list[Comparison]:
    right, buggy = _function(record, "canonical_solution"), _function(record, "buggy_solution")
    return [Comparison(chats.user_turn(record, "instruction"), right, buggy, annotator="benchmark")]


def prompts(record: Any) -> list[Prompt]:
    return [Prompt(chats.user_turn(record, "instruction"))]


def _function(record: Any, body: str) -> str:
    if not fields.text(record, body):
        return ""  # no response, and an empty one is refused
    # a body's first line is indented
    declared = fields.text(record, "declaration")
    return f"{declared}\n{fields.value(record, body).rstrip()}"
