"""UltraFeedback's completions → every pair of them with unequal scores, or the instructions as prompts.

    {"source": "evol_instruct", "instruction": "Name two ways to cool a greenhouse.", "completions": [
        {"model": "m-a", "response": "Shade cloth, and the roof vents.", "overall_score": 8.0,
         "fine-grained_score": 4.75, "annotations": {"honesty": {"Rating": "5"}, "helpfulness": {"Rating": "N/A"}}},
        {"model": "m-b", "response": "Ice.", "overall_score": 3.0, "fine-grained_score": 2.0}]}

The system prompt that steered each completion is not part of the prompt, as in the released set.
"""

from __future__ import annotations

from typing import Any

from rlhf_data.schemas import Message
from rlhf_data.sources import chats, fields
from rlhf_data.sources.about import About, Expected
from rlhf_data.sources.records import BadRecord, Comparison, Prompt, Response, all_pairs, usable

ABOUT = About(
    title="UltraFeedback",
    url="https://huggingface.co/datasets/openbmb/UltraFeedback",
    licence="MIT",
    non_commercial=False,
    citation="Cui et al. (2023). UltraFeedback: Boosting Language Models with High-quality Feedback. arXiv 2310.01377",
    responses="LLM",
    annotator="gpt-4",
    expected=Expected(63_967, 63_591, 340_025, prompt_tokens=161.5, chosen_tokens=279.5, rejected_tokens=211.1),
)
LEAVES = (
    *("completions", "completions.annotations", "completions.annotations.helpfulness.Rationale"),
    *("completions.annotations.helpfulness.Rationale For Rating", "completions.annotations.helpfulness.Type"),
    *("completions.annotations.honesty.Rationale", "completions.annotations.instruction_following.Rationale"),
    *("completions.annotations.truthfulness.Rationale", "completions.annotations.truthfulness.Rationale For Rating"),
    *("completions.annotations.truthfulness.Type", "completions.critique", "completions.custom_system_prompt"),
    *("completions.fine-grained_score", "completions.overall_score", "completions.principle", "correct_answers"),
    *("incorrect_answers",),
)


def preferences(record: Any, *, score: str, drop_truthfulqa: bool, compat: bool) -> list[Comparison]:
    """Comparisons of the completions to one instruction.

    `score` is `fine_grained` (the mean of the ratings, as stored), `ratings` (that mean, computed here) or
    `overall`, which is known to be wrong for 2,628 completions. `compat` is the released script's reading: of several
    completions by one model the last alone counts.
    """
    prompt = _prompt(record, drop_truthfulqa)

    def scored(completion: Any) -> tuple[str, Response]:
        found = _ratings(completion) if score == "ratings" else _score(completion, score)
        response = Response(prompt, fields.text(completion, "response"), found, ABOUT.annotator)
        return fields.text(completion, "model") if compat else "", response

    completions = usable(scored, fields.items(record, "completions"))
    return all_pairs(list(dict(completions).values()) if compat else [one for _, one in completions])


def prompts(record: Any, *, drop_truthfulqa: bool) -> list[Prompt]:
    return [Prompt(_prompt(record, drop_truthfulqa))]


def _prompt(record: Any, drop_truthfulqa: bool) -> list[Message]:
    if drop_truthfulqa and fields.text(record, "source") == "truthful_qa":
        raise BadRecord("truthfulqa", "a question of the TruthfulQA benchmark")
    return chats.user_turn(record, "instruction")


def _score(completion: Any, score: str) -> float:
    name = {"fine_grained": "fine-grained_score", "overall": "overall_score"}[score]
    return fields.number(completion, name)


def _ratings(completion: Any) -> float:
    aspects = fields.value(completion, "annotations")
    if not isinstance(aspects, dict):
        raise BadRecord("wrong_layout", "field 'annotations' is not an object")
    found = usable(lambda aspect: fields.rating(fields.text(aspect, "Rating")), aspects.values())
    if not found:
        raise BadRecord("unrated", "no aspect is rated")
    return sum(found) / len(found)
