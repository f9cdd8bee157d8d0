"""Evol-Instruct (V2) in the layout of `conversations`.

{"idx": "7", "conversations": [{"from": "human", "value": "2+2?"}, {"from": "gpt", "value": "4"}]}
"""

from __future__ import annotations

from rlhf_data.sources.about import About, Expected
from rlhf_data.sources.formats.conversations import instructions, prompts

__all__ = ["ABOUT", "instructions", "prompts"]

ABOUT = About(
    title="Evol-Instruct",
    url="https://huggingface.co/datasets/WizardLMTeam/WizardLM_evol_instruct_V2_196k",
    licence="unclear",
    non_commercial=False,
    citation="Xu et al. (2023). WizardLM: Empowering Large Language Models to Follow Complex Instructions. arXiv "
    "2304.12244",
    responses="LLM",
    annotator="",
    expected=Expected(143_000),
)
