"""UltraInteract's SFT half in the layout of `instruction_response`.

{"id": "ab12_0", "parent_id": "ab12", "task": "Logic", "instruction": "Is 2 even?", "response": "Yes."}
"""

from __future__ import annotations

from rlhf_data.sources.about import About
from rlhf_data.sources.formats.instruction_response import instructions, prompts

__all__ = ["ABOUT", "instructions", "prompts"]

ABOUT = About(
    title="UltraInteract (SFT)",
    url="https://huggingface.co/datasets/openbmb/UltraInteract_sft",
    licence="MIT",
    non_commercial=False,
    citation="Yuan et al. (2024). Advancing LLM Reasoning Generalists with Preference Trees. arXiv 2404.02078",
    responses="LLM",
    annotator="",
)
