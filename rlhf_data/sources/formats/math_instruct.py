"""MathInstruct in the layout of `instruction_response`.

{"source": "data/CoT/toy.json", "instruction": "What is 2+2?", "output": "The answer is 4."}
"""

from __future__ import annotations

from rlhf_data.sources.about import About, Expected
from rlhf_data.sources.formats.instruction_response import instructions, prompts

__all__ = ["ABOUT", "instructions", "prompts"]

ABOUT = About(
    title="MathInstruct",
    url="https://huggingface.co/datasets/TIGER-Lab/MathInstruct",
    licence="MIT",
    non_commercial=False,
    citation="Yue et al. (2023). MAmmoTH: Building Math Generalist Models through Hybrid Instruction Tuning. "
    "arXiv 2309.05653",
    responses="LLM and human",
    annotator="",
    expected=Expected(262_039),
)
