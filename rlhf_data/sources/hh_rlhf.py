"""HH-RLHF transcripts in, comparisons of their final turns out, or their prompts.

    {"chosen": "\\n\\nHuman: My bread never rises.\\n\\nAssistant: How old is your yeast?",
     "rejected": "\\n\\nHuman: My bread never rises.\\n\\nAssistant: Bread is hard."}

Both sides are split and compared as message lists (RLHFlow's reading): taking the text after the last tag, as
other loaders do, is silently wrong where the two histories differ.
"""

from __future__ import annotations

from typing import Any

from rlhf_data.records import Comparison, Prompt
from rlhf_data.sources import fields, transcripts


def preferences(record: Any) -> list[Comparison]:
    chosen, rejected = (transcripts.turns(fields.text(record, side)) for side in ("chosen", "rejected"))
    return [transcripts.final_turns(chosen, rejected)]


def prompts(record: Any) -> list[Prompt]:
    return [Prompt(transcripts.prompt(transcripts.turns(fields.text(record, "chosen"))))]
