"""Drawn requests → prompts, with what their constraints are as the reference.

{"prompt": [{"role": "user", "content": "Describe rain. End with a question."}],
 "reference": {"topic": "rain", "constraints": [["question", ""]]}}
"""

from __future__ import annotations

from rlhf_data.sources.formats.world import prompts

__all__ = ["prompts"]
