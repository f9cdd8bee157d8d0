"""What a judge is asked, and what counts as its answer."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlhf_data.inference.protocols import ResponsePair
from rlhf_data.judges import llm_judge_prompt
from rlhf_data.schemas import Message

FIRST = [
    "A", " A.", "(A)", "**A**", '"A"', "[[A]]", "[[B]] at first, but then [[A]]", "A, because it is right", "A because",
    "A\n\nB is long.", "Response A", "Response A is better than Response B.", "Answer: A", "My choice is A",
    "The better response is A.", "Better: A", "A is better; B is worse",
]  # fmt: skip
SECOND = [
    "B",
    "B because it is short",
    "Response B\nIt is right.",
    "I think response B is clearly better.",
    "I choose B",
]
WAYS = [  # of saying B, as judges of today do
    "\\boxed{B}", "\\boxed{\\text{B}}", "<answer>B</answer>", "<verdict>Response B</verdict>", '{"verdict": "B"}',
    '```json\n{"winner": "B", "why": "A is wrong"}\n```', "Final verdict: **Response B**", "**B**", "b", "Option B",
    "[[B]]", "Assistant B", "Response A is worse than Response B.", "I prefer B over A.", "答案：B", "My verdict: `B`",
    "A better answer would be B.", "1. A is polite.\n2. A is wrong.\n\nB", "A. Both name a fish, but B is better.",
]  # fmt: skip
NEITHER = [
    "", "C", "[[C]]", "A better response would be shorter.", "Neither A nor B is better.", "An apple", "As an AI", "AB",
    "I cannot say whether A is better.", "Both A and B.", "A's answer is wrong", "A is not better.", "A or B",
    "The answer is a matter of taste.", "A is better. B is better.", "Best one is a", "A and B are alike",
]  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "expected"),
    [*((one, 1.0) for one in FIRST), *((one, 0.0) for one in SECOND), *((one, math.nan) for one in NEITHER)],
)
def test_written_verdicts(answer: str, expected: float) -> None:
    assert llm_judge_prompt.read(answer) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("thought", ["", "Response A is better.", "[[A]]", "\\boxed{A}", '{"winner": "A"}', "A\n\nA"])
@pytest.mark.parametrize("tags", [("<think>\n", "\n</think>\n\n"), ("", "</think>"), ("<Thinking>", "</Thinking>\n")])
def test_a_verdict_is_what_stands_after_the_thinking(way: str, thought: str, tags: tuple[str, str]) -> None:
    assert llm_judge_prompt.read(f"{tags[0]}{thought}{tags[1]}{way}") == 0.0
    assert llm_judge_prompt.read(way) == 0.0


@pytest.mark.parametrize(
    "answer", ["<think>\nThe better one is A", "<think>A</think> So <think>B", "<reasoning>[[B]]", "<think>"]
)
def test_thinking_that_was_cut_is_no_verdict(answer: str) -> None:
    assert math.isnan(llm_judge_prompt.read(answer))


@given(st.text(st.characters(codec="utf8", exclude_characters="<>"), max_size=200), st.sampled_from("AB"))
def test_whatever_was_thought_the_mark_after_it_counts(thought: str, letter: str) -> None:
    assert llm_judge_prompt.read(f"<think>{thought}</think>\n[[{letter}]]") == float(letter == "A")


def test_probabilities_are_renormalised_over_two_letters() -> None:
    assert llm_judge_prompt.probability((math.log(0.3), math.log(0.1))) == pytest.approx(0.75)
    assert llm_judge_prompt.probability((-1000.0, -2000.0)) == 1.0
    assert llm_judge_prompt.probability((-math.inf, -3.0)) == 0.0
    assert math.isnan(llm_judge_prompt.probability((-math.inf, -math.inf)))
    assert math.isnan(llm_judge_prompt.probability((math.nan, -1.0)))


def test_a_question_holds_the_texts_as_they_are() -> None:
    said = [("user", "Use {first} and {0}."), ("assistant", "Why?"), ("user", "So.")]
    asked = [Message(role=role, content=text) for role, text in said]
    (turn,) = llm_judge_prompt.question(ResponsePair(asked, "{second} %s", "\\n"))
    assert turn["role"] == "user"
    places = [
        turn["content"].index(text) for text in ("Use {first} and {0}.", "Why?", "So.", "{second} %s", "\\n", "A or B")
    ]
    assert places == sorted(places)


def test_what_is_lost_is_said() -> None:
    assert llm_judge_prompt.lost([0.5, 1.0], too_long=0) is None
    assert llm_judge_prompt.lost([math.nan, 1.0, math.nan], too_long=1) == (
        "prompted: no verdict on 2 of 3 comparisons, 1 of them too long"
    )
