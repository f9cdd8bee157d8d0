"""SHP's pairs of Reddit comments → comparisons, or the posts as prompts.

    {"history": "Why does my crumble go soggy?", "score_A": 6, "score_B": 31, "human_ref_A": "Hotter oven.",
     "human_ref_B": "Less juice, and the top shelf.", "labels": 0}

`labels` is 1 where A is preferred. The ratio of the scores is computed from them, as RLHFlow's reading does, not taken
from `score_ratio`. How many pairs a post may give is `max_pairs_per_prompt` (the paper: 5; which five is not said).
"""

from __future__ import annotations

from typing import Any

from rlhf_data.sources import chats, fields
from rlhf_data.sources.about import About, Expected
from rlhf_data.sources.records import BadRecord, Comparison, Prompt

ABOUT = About(
    title="SHP",
    url="https://huggingface.co/datasets/stanfordnlp/SHP",
    licence="none (Reddit API terms)",
    non_commercial=False,
    citation="Ethayarajh, Choi and Swayamdipta (2022). Understanding Dataset Difficulty with V-Usable "
    "Information. ICML",
    responses="human",
    annotator="human",
    expected=Expected(348_718, 31_003, 93_301, prompt_tokens=186.2, chosen_tokens=173.6, rejected_tokens=88.8),
)
LEAVES = (
    *("c_root_id_A", "c_root_id_B", "created_at_utc_A", "created_at_utc_B", "human_ref_A", "human_ref_B", "labels"),
    *("post_id", "score_A", "score_B", "score_ratio", "seconds_difference", "upvote_ratio"),
)


def preferences(record: Any, *, min_ratio: float, ratio: str) -> list[Comparison]:
    """The paper's `ratio` is `above` 2; the DPO reference code and HALOs take `at_least` 2."""
    better, worse = ("A", "B") if fields.choice(record, "labels") == 1 else ("B", "A")
    high, low = (fields.number(record, f"score_{side}") for side in (better, worse))
    if high < low:
        raise BadRecord("wrong_label", f"the preferred comment has score {high}, the other {low}")
    if low <= 0:
        raise BadRecord("not_a_ratio", f"the scores are {high} and {low}")
    if high / low < min_ratio or (ratio == "above" and high / low == min_ratio):
        raise BadRecord("low_ratio", f"{high} to {low}")
    chosen, rejected = (fields.text(record, f"human_ref_{side}") for side in (better, worse))
    return [Comparison(chats.user_turn(record, "history"), chosen, rejected, high, low, ABOUT.annotator)]


def prompts(record: Any) -> list[Prompt]:
    return [Prompt(chats.user_turn(record, "history"))]
