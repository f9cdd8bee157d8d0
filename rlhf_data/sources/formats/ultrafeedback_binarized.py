"""UltraFeedback, binarized, in the layout of `standard`.

{"chosen": [{"role": "user", "content": "Name a fish."}, {"role": "assistant", "content": "A carp."}],
 "rejected": [{"role": "user", "content": "Name a fish."}, {"role": "assistant", "content": "A whale."}],
 "score_chosen": 8.5, "score_rejected": 3.0, "prompt": "Name a fish."}
"""

from __future__ import annotations

from rlhf_data.sources.about import About
from rlhf_data.sources.formats.standard import preferences, prompts

__all__ = ["ABOUT", "preferences", "prompts"]

ABOUT = About(
    title="UltraFeedback, binarized",
    url="https://huggingface.co/datasets/HuggingFaceH4/ultrafeedback_binarized",
    licence="MIT",
    non_commercial=False,
    citation="Tunstall et al. (2023). Zephyr. arXiv 2310.16944",
    responses="LLM",
    annotator="gpt-4",
)
LEAVES: tuple[str, ...] = ("messages", "prompt")
