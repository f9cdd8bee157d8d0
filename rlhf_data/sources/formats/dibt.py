"""DIBT's ranked prompts → prompts, as `single_prompt` reads them.

{"prompt": "Plan a two-day trip to a lake.", "avg_rating": 4.5, "num_responses": 2, "kind": "human"}
"""

from __future__ import annotations

from rlhf_data.sources.about import About
from rlhf_data.sources.formats.single_prompt import prompts

__all__ = ["ABOUT", "prompts"]

ABOUT = About(
    title="DIBT-10K",
    url="https://huggingface.co/datasets/DIBT/10k_prompts_ranked",
    licence="Apache-2.0",
    non_commercial=False,
    citation="Argilla and Hugging Face (2024). 10k Prompts Ranked",
    responses="",
    annotator="human",
)
LEAVES = ("agreement_ratio", "avg_rating", "kind", "num_responses", "quality", "raw_responses")
