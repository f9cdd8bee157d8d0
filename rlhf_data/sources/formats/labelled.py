"""Pairs that simulated annotators labelled, as `rlhf-data annotate` writes them → comparisons.

{"prompt": [{"role": "user", "content": "Describe rain. End with a question."}],
 "chosen": "Rain is wet. Do you like it?", "rejected": "Rain is wet.",
 "chosen_score": 1.0, "rejected_score": 0.5, "label_probability": 0.95}
"""

from __future__ import annotations

from rlhf_data.sources.formats.world import preferences

__all__ = ["preferences"]
