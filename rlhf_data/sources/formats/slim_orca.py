"""SlimOrca in, most with a system message, in the layout of `conversations`.

{"conversations": [{"from": "system", "value": "Be concise.", "weight": null},
                   {"from": "human", "value": "2+2?", "weight": 0.0}, {"from": "gpt", "value": "4", "weight": 1.0}]}
"""

from __future__ import annotations

from rlhf_data.sources.about import About, Expected
from rlhf_data.sources.formats.conversations import instructions, prompts

__all__ = ["ABOUT", "instructions", "prompts"]

ABOUT = About(
    title="SlimOrca",
    url="https://huggingface.co/datasets/Open-Orca/SlimOrca",
    licence="MIT",
    non_commercial=False,
    citation="Lian et al. (2023). SlimOrca: An Open Dataset of GPT-4 Augmented FLAN Reasoning Traces, with "
    "Verification",
    responses="LLM",
    annotator="",
    expected=Expected(517_982),
)
