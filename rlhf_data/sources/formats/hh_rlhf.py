r"""HH-RLHF transcripts → comparisons of their final turns, or their prompts.

    {"chosen": "\n\nHuman: My bread never rises.\n\nAssistant: How old is your yeast?",
     "rejected": "\n\nHuman: My bread never rises.\n\nAssistant: Bread is hard."}

Both sides are split and compared as message lists (RLHFlow's reading): taking the text after the last tag, as
other loaders do, is silently wrong where the two histories differ.
"""

from __future__ import annotations

from typing import Any

from rlhf_data.sources import fields, transcripts
from rlhf_data.sources.about import About, Expected
from rlhf_data.sources.records import Comparison, Prompt

ABOUT = About(
    title="HH-RLHF",
    url="https://huggingface.co/datasets/Anthropic/hh-rlhf",
    licence="MIT",
    non_commercial=False,
    citation="Bai et al. (2022). Training a Helpful and Harmless Assistant with Reinforcement Learning from Human "
    "Feedback. arXiv 2204.05862",
    responses="LLM",
    annotator="human",
    # of the helpful subsets
    expected=Expected(118_263, 115_092, 115_396, prompt_tokens=160.4, chosen_tokens=82.2, rejected_tokens=73.6),
)
LEAVES = ("rejected",)


def preferences(record: Any) -> list[Comparison]:
    chosen, rejected = (transcripts.turns(fields.text(record, side)) for side in ("chosen", "rejected"))
    return [transcripts.final_turns(chosen, rejected)]


def prompts(record: Any) -> list[Prompt]:
    return [Prompt(transcripts.prompt(transcripts.turns(fields.text(record, "chosen"))))]
