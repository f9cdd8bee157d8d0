"""GPT4-LLM's Alpaca answers in the layout of `instruction_response`.

{"instruction": "Shorten this.", "input": "It rains a lot.", "output": "It pours."}
"""

from __future__ import annotations

from rlhf_data.sources.about import About
from rlhf_data.sources.formats.instruction_response import instructions, prompts

__all__ = ["ABOUT", "instructions", "prompts"]

ABOUT = About(
    title="GPT4-LLM",
    url="https://github.com/Instruction-Tuning-with-GPT-4/GPT-4-LLM",
    licence="CC-BY-NC-4.0",
    non_commercial=True,
    citation="Peng et al. (2023). Instruction Tuning with GPT-4. arXiv 2304.03277",
    responses="LLM",
    annotator="",
)
