"""Skywork-Reward-Preference, in the layout of `standard`.

{"chosen": [{"role": "user", "content": "Name a fish."}, {"role": "assistant", "content": "A carp."}],
 "rejected": [{"role": "user", "content": "Name a fish."}, {"role": "assistant", "content": "A whale."}],
 "source": "zoo"}
"""

from __future__ import annotations

from rlhf_data.sources.about import About
from rlhf_data.sources.formats.standard import preferences, prompts

__all__ = ["ABOUT", "preferences", "prompts"]

ABOUT = About(
    title="Skywork-Reward-Preference, 80K",
    url="https://huggingface.co/datasets/Skywork/Skywork-Reward-Preference-80K-v0.2",
    licence="unclear",
    non_commercial=False,
    citation="Liu et al. (2024). Skywork-Reward. arXiv 2410.18451",
    responses="LLM",
    annotator="LLM",
)
