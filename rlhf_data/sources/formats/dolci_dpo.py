"""Dolci, DPO, in the layout of `standard`.

{"chosen": [{"role": "user", "content": "Name a fish."}, {"role": "assistant", "content": "A carp."}],
 "rejected": [{"role": "user", "content": "Name a fish."}, {"role": "assistant", "content": "A whale."}],
 "chosen_model": "a", "rejected_model": "b", "prompt_id": "1", "preference_type": "gpt-judged"}
"""

from __future__ import annotations

from rlhf_data.sources.about import About
from rlhf_data.sources.formats.standard import preferences, prompts

__all__ = ["ABOUT", "preferences", "prompts"]

ABOUT = About(
    title="Dolci, DPO",
    url="https://huggingface.co/datasets/allenai/Dolci-Instruct-DPO",
    licence="ODC-BY-1.0",
    non_commercial=False,
    citation="Team OLMo (2025). OLMo 3",
    responses="LLM",
    annotator="LLM",
)
LEAVES: tuple[str, ...] = ("chosen_model", "rejected_model", "prompt", "preference_type")
