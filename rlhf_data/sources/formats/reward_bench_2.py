"""RewardBench 2 → a comparison of each right with each wrong response, in the layout of `rm_bench`.

    {"id": "1", "prompt": "2+2?", "chosen": ["4"], "rejected": ["5", "22", "3"], "subset": "Math"}

The benchmark counts a prompt as right where the right one is the best of four, which asks more than each comparison.
"""

from __future__ import annotations

from rlhf_data.sources.about import About
from rlhf_data.sources.formats.rm_bench import preferences, prompts, subset

__all__ = ["ABOUT", "preferences", "prompts", "subset"]

ABOUT = About(
    title="RewardBench 2",
    url="https://huggingface.co/datasets/allenai/reward-bench-2",
    licence="ODC-BY-1.0",
    non_commercial=False,
    citation="Malik et al. (2025). RewardBench 2. arXiv 2506.01937",
    responses="LLM",
    annotator="benchmark",
)
LEAVES = ("additional_metadata",)
