"""ShareGPT's conversations in, as the uploaded copies hold them, in the layout of `conversations`.

{"id": "x1", "conversations": [{"from": "human", "value": "2+2?"}, {"from": "gpt", "value": "4"}]}
"""

from __future__ import annotations

from rlhf_data.sources.about import About
from rlhf_data.sources.formats.conversations import instructions, prompts

__all__ = ["ABOUT", "instructions", "prompts"]

ABOUT = About(
    title="ShareGPT",
    url="https://huggingface.co/datasets/anon8231489123/ShareGPT_Vicuna_unfiltered",
    licence="unclear",
    non_commercial=False,
    citation="ShareGPT (2023), conversations that users shared",
    responses="LLM",
    annotator="",
)
