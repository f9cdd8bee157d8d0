"""Magicoder-Evol-Instruct in the layout of `instruction_response`.

{"instruction": "Write a function that adds.", "response": "def add(a, b): return a + b"}
"""

from __future__ import annotations

from rlhf_data.sources.about import About, Expected
from rlhf_data.sources.formats.instruction_response import instructions, prompts

__all__ = ["ABOUT", "instructions", "prompts"]

ABOUT = About(
    title="Magicoder-Evol-Instruct",
    url="https://huggingface.co/datasets/ise-uiuc/Magicoder-Evol-Instruct-110K",
    licence="Apache-2.0",
    non_commercial=False,
    citation="Wei et al. (2023). Magicoder: Empowering Code Generation with OSS-Instruct. arXiv 2312.02120",
    responses="LLM",
    annotator="",
    expected=Expected(111_183),
)
