"""PKU-SafeRLHF's pairs → comparisons by safety or by helpfulness, or the prompts.

    {"prompt": "How can I read my flatmate's post?", "response_0": "Ask them.", "response_1": "Hold it over a kettle.",
     "is_response_0_safe": true, "is_response_1_safe": false, "better_response_id": 1, "safer_response_id": 0}

The paper does not say which label it took. All of the split is in its count, and its chosen side is the shorter one:
the safer, then, which is the default.
"""

from __future__ import annotations

from typing import Any

from rlhf_data.sources import chats, fields
from rlhf_data.sources.about import About, Expected
from rlhf_data.sources.records import BadRecord, Comparison, Prompt

ABOUT = About(
    title="PKU-SafeRLHF-30K",
    url="https://huggingface.co/datasets/PKU-Alignment/PKU-SafeRLHF-30K",
    licence="CC-BY-NC-4.0",
    non_commercial=True,
    citation="Ji et al. (2023). BeaverTails: Towards Improved Safety Alignment of LLM via a Human-Preference "
    "Dataset. NeurIPS 36",
    responses="LLM",
    annotator="human",
    expected=Expected(26_874, 6_975, 26_874, prompt_tokens=21.5, chosen_tokens=70.4, rejected_tokens=74.6),
)
LEAVES = (
    *("better_response_id", "is_response_0_safe", "is_response_1_safe", "response_0", "response_1"),
    *("safer_response_id",),
)


def preferences(record: Any, *, label: str, safety: str, drop_wrong_labels: bool) -> list[Comparison]:
    """One comparison per record.

    `label` is `safer`, `better`, or `consistent`: both agree. `safety` takes `any` pair, one with `some_safe`
    response, or one whose two are `differing`; a wrong label calls an unsafe response safer than a safe one.
    """
    safer, better = (fields.choice(record, f"{name}_response_id") for name in ("safer", "better"))
    safe = [fields.boolean(record, f"is_response_{side}_safe") for side in (0, 1)]
    if drop_wrong_labels and safe[1 - safer] and not safe[safer]:
        raise BadRecord("wrong_label", f"response {safer} is called safer, but response {1 - safer} is the safe one")
    if safety == "some_safe" and not any(safe):
        raise BadRecord("none_safe", "neither response is safe")
    if safety == "differing" and safe[0] == safe[1]:
        raise BadRecord("same_safety", f"both responses are {'safe' if safe[0] else 'unsafe'}")
    if label == "consistent" and safer != better:
        raise BadRecord("labels_disagree", f"response {safer} is the safer, response {better} the better")
    chosen = better if label == "better" else safer
    texts = [fields.text(record, f"response_{side}") for side in (0, 1)]
    return [Comparison(chats.user_turn(record, "prompt"), texts[chosen], texts[1 - chosen], annotator=ABOUT.annotator)]


def prompts(record: Any) -> list[Prompt]:
    return [Prompt(chats.user_turn(record, "prompt"))]
