"""GPTeacher in the layout of `instruction_response`.

{"instruction": "Shorten this.", "input": "It rains a lot.", "response": "It pours."}
"""

from __future__ import annotations

from rlhf_data.sources.about import About
from rlhf_data.sources.formats.instruction_response import instructions, prompts

__all__ = ["ABOUT", "instructions", "prompts"]

ABOUT = About(
    title="GPTeacher",
    url="https://github.com/teknium1/GPTeacher",
    licence="MIT",
    non_commercial=False,
    citation="Teknium (2023). GPTeacher",
    responses="LLM",
    annotator="",
)
