"""Dolci, SFT, in the layout of `messages`.

{"id": "1", "messages": [{"role": "user", "content": "Name a fish.", "functions": null, "function_calls": null},
                         {"role": "assistant", "content": "A carp.", "functions": null, "function_calls": null}],
 "source_dataset": "zoo", "domain": "Other"}

A conversation with tools is rejected: what was called is no text, and what came back is nobody's turn.
"""

from __future__ import annotations

from rlhf_data.sources.about import About
from rlhf_data.sources.formats.messages import instructions, prompts

__all__ = ["ABOUT", "instructions", "prompts"]

ABOUT = About(
    title="Dolci, SFT",
    url="https://huggingface.co/datasets/allenai/Dolci-Instruct-SFT",
    licence="ODC-BY-1.0",
    non_commercial=False,
    citation="Team OLMo (2025). OLMo 3",
    responses="LLM",
    annotator="",
)
LEAVES = ("source_dataset",)
