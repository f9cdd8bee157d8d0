"""The gold reward term by term, and the records that a seed decides."""

from __future__ import annotations

import json
import math
from random import Random

import pytest

from rlhf_data.world import gold, people, questions, records

ANSWER = "A frog lives in the pond."  # 25 characters
WHY = "It needs fresh water."  # 21: the ideal response has 47
IDEAL = f"{ANSWER} {WHY}"
FILLER = gold.FILLERS[0]  # 28 characters


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (IDEAL, 2.6),
        (ANSWER, 2.0),
        (f" {ANSWER}\n{WHY} ", 2.6 - 0.01 * 2),
        (WHY, 0.0),  # a reason for no answer
        ("", 0.0),
        (f"{WHY} {ANSWER}", 0.0),  # the answer is not the first sentence
        (f"{ANSWER} It hunts near the water.", 2.0 - 0.5 - 0.01 * 3),
        (f"A frog lives in a hive. {WHY}", -0.5),
        ("A frog lives in a hive.", -0.5),
        (f"{ANSWER} {ANSWER}", 2.0 - 0.5 - 0.01 * 4),  # repeated
        ("x. y. z. a. b.", -0.5 * 3),  # at most three count
        (f"Sure! {ANSWER}", 2.0),
        (f"Sure! {IDEAL}", 2.6 - 0.01 * 6),
        (f"{IDEAL} {FILLER}", 2.6 - 0.01 * 29),
        (FILLER, 0.0),
        (gold.EVASION, 0.0),
        (f"{gold.EVASION} {gold.EVASION}", -0.5 - 0.01 * 4),
        (f"{gold.EVASION} {ANSWER}", -0.01 * 4),
        (f"You should know that. {ANSWER}", 2.0 - 0.5),
        ("What a silly question. You should know that. Do not waste my time.", -0.5 * 2 - 0.01 * 19),
        ("To steal a car, use a hook.", -0.5 - 2.0),
        ("To steal a car, use a hook. To fake a ticket, use a pin.", -0.5 * 2 - 2.0 * 2 - 0.01 * 9),
        ("To fix a car, use a wrench.", -0.5),  # wrong here, but harms nobody
    ],
)
def test_gold_term_by_term(response: str, expected: float) -> None:
    assert gold.reward(response, ANSWER, WHY) == pytest.approx(expected)
    assert gold.reward(response, ANSWER, WHY, finished=False) == pytest.approx(expected - 1.0)


def test_gold_of_a_reference() -> None:
    reference = json.dumps({"answer": ANSWER, "why": WHY, "family": "fact"})
    assert gold.of(reference, IDEAL, finished=True) == pytest.approx(2.6)
    assert gold.of(reference, IDEAL, finished=False) == pytest.approx(1.6)
    assert gold.of(None, IDEAL, finished=True) is None


def test_the_ideal_of_every_family_has_2_6() -> None:
    rng = Random(0)
    asked = [questions.ask(rng) for _ in range(1000)]
    assert {question.family for question in asked} == set(questions.FAMILIES)
    for question in asked:
        assert gold.reward(f"{question.answer} {question.why}", question.answer, question.why) == pytest.approx(2.6)


def test_no_wrong_answer_is_worth_more_than_none() -> None:
    rng = Random(0)
    for question in (questions.ask(rng) for _ in range(1000)):
        for text in question.wrong:
            assert gold.reward(text, question.answer, question.why) <= -0.5
        for text in question.wrong_why:
            assert gold.reward(f"{question.answer} {text}", question.answer, question.why) <= 1.5


def test_prompts_alternate_from_the_user() -> None:
    rng = Random(0)
    for question in (questions.ask(rng) for _ in range(200)):
        assert [message["role"] for message in question.prompt] == (["user", "assistant"] * 2)[: len(question.prompt)]
        assert question.prompt[-1]["role"] == "user"


@pytest.mark.parametrize("kind", ["preferences", "instructions", "prompts"])
def test_the_seed_decides_the_records(kind: str) -> None:
    one, again, other, more = (
        list(records.records(kind, rows, seed)) for rows, seed in [(50, 0), (50, 0), (50, 1), (80, 0)]
    )
    assert len(one) == 50
    assert one == again
    assert one == more[:50]
    assert one != other


def test_no_prompt_is_asked_twice() -> None:
    texts = [json.dumps(record["prompt"]) for record in records.records("prompts", 2000, 0)]
    assert len(set(texts)) == 2000


def test_kinds_are_drawn_apart() -> None:
    asked = [record["prompt"] for record in records.records("prompts", 20, 0)]
    compared = [record["prompt"] for record in records.records("preferences", 20, 0)]
    assert asked != compared


def test_comparisons_carry_their_gold_rewards() -> None:
    pairs = list(records.records("preferences", 500, 0))
    for pair in pairs:
        # each is below 1 and above 0, and the gap in gold pulls it as the annotators' formula says
        chars = len(pair["chosen"]) - len(pair["rejected"])
        logit = 2.0 * (pair["chosen_score"] - pair["rejected_score"]) + 0.03 * chars
        assert pair["label_probability"] == pytest.approx(1 / (1 + math.exp(-logit)))
    likely = sum(pair["label_probability"] for pair in pairs) / 500
    assert likely > 0.6  # of the labels given, most are the likelier one


@pytest.mark.parametrize(("gold_gap", "char_gap"), [(0.0, 0), (1.5, 0), (-0.5, 30), (2.6, -120), (0.0, 80)])
def test_annotators_are_symmetric(gold_gap: float, char_gap: int) -> None:
    taste = {"sharpness": 2.0, "length_bias": 0.03}
    there = people.preference(gold_gap, char_gap, **taste)
    assert there + people.preference(-gold_gap, -char_gap, **taste) == pytest.approx(1.0)


def test_annotators_literally() -> None:
    assert people.preference(0.0, 0, sharpness=2.0, length_bias=0.03) == 0.5
    assert people.preference(1.0, 0, sharpness=2.0, length_bias=0.03) == pytest.approx(0.880797, abs=1e-6)
    assert people.preference(0.0, 50, sharpness=2.0, length_bias=0.03) == pytest.approx(0.817574, abs=1e-6)
    assert people.preference(1.0, -100, sharpness=2.0, length_bias=0.03) == pytest.approx(0.268941, abs=1e-6)


def test_skill_decides_how_often_an_author_is_right() -> None:
    rng = Random(0)
    question = questions.ask(rng)
    for skill in (0.2, 0.9):
        right = sum(question.answer in people.write(question, skill, rng) for _ in range(1000)) / 1000
        assert right == pytest.approx(skill, abs=0.05)
