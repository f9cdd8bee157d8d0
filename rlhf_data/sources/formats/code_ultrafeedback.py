"""CodeUltraFeedback's rated responses → every pair of them with unequal ratings, or the instructions as prompts.

    {"instruction": "Write a function that reverses a linked list.", "preference": "readability",
     "responses": [{"model": "m-a", "response": "def reverse(head): ..."}, {"model": "m-b", "response": "r=..."}],
     "annotations": [{"model": "m-a", "rating": "5"}, {"model": "m-b", "rating": "N/A"}]}

Responses and ratings go together by model. A response without a rating that is a whole number makes no pair.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

from rlhf_data.schemas import Message
from rlhf_data.sources import chats, fields
from rlhf_data.sources.about import About, Expected
from rlhf_data.sources.records import BadRecord, Comparison, Prompt, Response, all_pairs, usable

ABOUT = About(
    title="CodeUltraFeedback",
    url="https://huggingface.co/datasets/coseal/CodeUltraFeedback",
    licence="MIT",
    non_commercial=False,
    citation="Weyssow et al. (2024). CodeUltraFeedback: An LLM-as-a-Judge Dataset for Aligning Large Language "
    "Models to Coding Preferences. arXiv 2403.09032",
    responses="LLM",
    annotator="gpt-3.5",
    expected=Expected(10_000, 9_938, 50_156, prompt_tokens=172.8, chosen_tokens=427.6, rejected_tokens=400.6),
)
LEAVES = ("annotations", "annotations.rationale", "preference", "responses")


def preferences(record: Any, *, compat: bool) -> list[Comparison]:
    """Every pair of a record's responses that are rated differently.

    `compat` is the released script's reading, with its two defects: ratings are compared as text, so that "N/A"
    beats "5", and a record goes only, and always, where its last annotation is "N/A".
    """
    prompt = chats.user_turn(record, "instruction")
    responses = _by_model(record, "responses", "response", compat)
    ratings = _by_model(record, "annotations", "rating", compat)
    if compat:
        if fields.optional_text(fields.items(record, "annotations")[-1], "rating") == "N/A":
            raise BadRecord("unrated", "the last rating is N/A")
        rated = [(responses[model], rating) for model, rating in ratings.items() if model in responses]
        return usable(lambda pair: _by_text(prompt, *pair), combinations(rated, 2))

    def response(model: str) -> Response:
        if model not in ratings:
            raise BadRecord("unrated", f"{model[:40]!r} has no annotation")
        return Response(prompt, responses[model], fields.rating(ratings[model]), ABOUT.annotator)

    return all_pairs(usable(response, responses))


def prompts(record: Any) -> list[Prompt]:
    return [Prompt(chats.user_turn(record, "instruction"))]


def _by_model(record: Any, name: str, what: str, compat: bool) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in fields.items(record, name):
        model = fields.text(item, "model")
        if model in found and not compat:
            raise BadRecord("repeated_model", f"{model[:40]!r} is twice in {name!r}")
        found[model] = fields.optional_text(item, what)
    return found


def _by_text(prompt: list[Message], first: tuple[str, str], second: tuple[str, str]) -> Comparison:
    if first[1] == second[1]:
        raise BadRecord("tie", f"both ratings are {first[1][:40]!r}")
    (chosen, high), (rejected, low) = sorted((first, second), key=lambda rated: rated[1], reverse=True)
    return Comparison(prompt, chosen, rejected, _number(high), _number(low), ABOUT.annotator)


def _number(rating: str) -> float | None:
    try:
        return fields.rating(rating)
    except BadRecord:
        return None
