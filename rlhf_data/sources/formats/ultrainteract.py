"""UltraInteract's pairs of next actions → comparisons, or the trajectories before them as prompts.

    {"id": "ab12_2_2", "parent_id": "ab12", "task": "Math_PoT", "trajectory": [
        {"from": "user", "value": "What is 17*23?"}, {"from": "assistant", "value": "print(17*24)"},
        {"from": "user", "value": "Out: 408. Wrong."}], "chosen": "print(17*23)", "rejected": "print(17*22)"}

Which action is correct was decided by running it, so there is no score. The released set has a quarter fewer pairs
than these files; by which rule is not known.
"""

from __future__ import annotations

from typing import Any

from rlhf_data.schemas import Message
from rlhf_data.sources import chats, fields
from rlhf_data.sources.about import About, Expected
from rlhf_data.sources.records import BadRecord, Comparison, Prompt

ABOUT = About(
    title="UltraInteract",
    url="https://huggingface.co/datasets/openbmb/UltraInteract_pair",
    licence="MIT",
    non_commercial=False,
    citation="Yuan et al. (2024). Advancing LLM Reasoning Generalists with Preference Trees. arXiv 2404.02078",
    responses="LLM",
    annotator="gpt-4",
    expected=Expected(219_522, 76_086, 161_927, prompt_tokens=507.4, chosen_tokens=396.6, rejected_tokens=416.7),
)
LEAVES = ("chosen", "parent_id", "rejected")


def preferences(record: Any, *, tasks: list[str] | None, drop_same_answer: bool) -> list[Comparison]:
    """One comparison per record, of a right and a wrong action.

    `tasks` are those to keep (Coding, Math_CoT, Math_PoT, Logic); two actions have the same answer where their
    last lines are equal.
    """
    prompt = _prompt(record, tasks)
    chosen, rejected = fields.text(record, "chosen"), fields.text(record, "rejected")
    if drop_same_answer and chosen.splitlines()[-1:] == rejected.splitlines()[-1:]:
        raise BadRecord("same_answer", "both actions end in the same line")
    return [Comparison(prompt, chosen, rejected, annotator=ABOUT.annotator)]


def prompts(record: Any, *, tasks: list[str] | None) -> list[Prompt]:
    return [Prompt(_prompt(record, tasks))]


def _prompt(record: Any, tasks: list[str] | None) -> list[Message]:
    if tasks is not None and (task := fields.text(record, "task")) not in tasks:
        raise BadRecord("other_task", f"{task[:40]!r} is none of: {', '.join(tasks)}")
    return chats.messages(record, "trajectory")
