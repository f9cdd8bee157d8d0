"""AlpacaEval's annotations → comparisons, or the instructions as prompts.

    {"instruction": "Name a fish.", "output_1": "A whale.", "output_2": "A carp.", "preference": 1.98,
     "annotator": "weighted_alpaca_eval_gpt4_turbo"}

`preference` runs from 1 (output 1 is better) to 2; 1.5, and 0 in older files, say that neither is. The two scores are
the shares of the judge's probability that the outputs got.
"""

from __future__ import annotations

from typing import Any

from rlhf_data.sources import chats, fields
from rlhf_data.sources.about import About
from rlhf_data.sources.records import BadRecord, Comparison, Prompt, Response, compared

ABOUT = About(
    title="AlpacaEval",
    url="https://huggingface.co/datasets/tatsu-lab/alpaca_eval",
    licence="CC-BY-NC-4.0",
    non_commercial=True,
    citation="Dubois et al. (2024). Length-Controlled AlpacaEval: A Simple Way to Debias Automatic Evaluators. "
    "arXiv 2404.04475",
    responses="LLM",
    annotator="gpt-4",
)
LEAVES = (
    *("annotator", "generator_1", "generator_2", "output_1", "output_2", "preference", "price_per_example"),
    *("time_per_example",),
)


def preferences(record: Any) -> list[Comparison]:
    preference = fields.number(record, "preference")
    if preference in (0, 1.5):
        raise BadRecord("tie", f"the preference is {preference}")
    if not 1 <= preference <= 2:
        raise BadRecord("wrong_layout", f"the preference is {preference}, not 1 to 2")
    prompt, annotator = (
        chats.user_turn(record, "instruction"),
        fields.optional_text(record, "annotator") or ABOUT.annotator,
    )
    first = Response(prompt, fields.text(record, "output_1"), 2 - preference, annotator)
    second = Response(prompt, fields.text(record, "output_2"), preference - 1, annotator)
    return [compared(first, second)]


def prompts(record: Any) -> list[Prompt]:
    return [Prompt(chats.user_turn(record, "instruction"))]
