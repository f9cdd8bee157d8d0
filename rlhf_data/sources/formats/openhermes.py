"""RLHFlow's copy of OpenHermes-2.5 in the layout of `messages`.

{"messages": [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}]}
"""

from __future__ import annotations

from rlhf_data.sources.about import About
from rlhf_data.sources.formats.messages import instructions, prompts

__all__ = ["ABOUT", "instructions", "prompts"]

ABOUT = About(
    title="OpenHermes-2.5",
    url="https://huggingface.co/datasets/RLHFlow/SFT-OpenHermes-2.5-Standard",
    licence="unclear",
    non_commercial=False,
    citation="Teknium (2023). OpenHermes 2.5",
    responses="LLM",
    annotator="",
)
