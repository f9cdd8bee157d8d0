"""Real tiny judges: a verdict depends on the comparison as it is shown, and on nothing else."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from rlhf_data.inference.protocols import ResponsePair
from rlhf_data.judges import both_orders, pairwise_template, reward_model
from rlhf_data.judges.open import open_judge
from rlhf_data.models import checkpoints
from rlhf_data.params.judges import PairwiseJudge, RewardJudge
from rlhf_data.params.profiles import Params
from rlhf_data.schemas import Message
from rlhf_data.storage import fingerprints

TURNS: list[Message] = [
    {"role": "user", "content": "Q1"},
    {"role": "assistant", "content": "A1"},
    {"role": "user", "content": "Q2"},
]
ASKED: list[Message] = [{"role": "user", "content": "What is 5 minus 1?"}]
COMPARISONS = [
    ResponsePair(ASKED, "5 minus 1 is 4.", "I am not sure about that."),
    ResponsePair(ASKED, "5 minus 1 is 4. " * 3, ""),
    ResponsePair(TURNS, "A frog lives in the pond.", "To fix a car, use a wrench."),
    ResponsePair(ASKED, "4", "4"),
    ResponsePair(ASKED, "5 minus 1 is 4.", "I am not sure about that."),
]
LONG = ResponsePair([{"role": "user", "content": "Tell me. " * 40 + "What is 5 minus 1?"}], "4", "5 minus 1 is 4.")
ENDLESS = ResponsePair(ASKED, "4 " * 200, "4")


@pytest.fixture(scope="session")
def section(tiny: Params) -> PairwiseJudge:
    judge = tiny.judges["preference"]
    assert isinstance(judge, PairwiseJudge)
    return replace(judge, max_length=128, batch_tokens=256)


@pytest.mark.parametrize("batch_tokens", [1, 200, 100000])
def test_verdicts_are_the_models_own(policy_dir: Path, tiny: Params, section: PairwiseJudge, batch_tokens: int) -> None:
    import torch

    tokens, model = checkpoints.tokenizer(policy_dir), checkpoints.causal(policy_dir, precision="fp32")
    expected = []
    for one in COMPARISONS:
        text = f"<|user|>{pairwise_template.instruction(one)}<|eot|><|assistant|>"
        with torch.inference_mode():
            logits = model(torch.tensor([tokens(text)["input_ids"]])).logits[0, -1]
        a, b = (logits[tokens.convert_tokens_to_ids(letter)].exp().item() for letter in "AB")
        expected.append(a / (a + b))
    judge = open_judge(
        policy_dir,
        replace(section, batch_tokens=batch_tokens),
        score=tiny.score,
        max_length=tiny.train_reward.max_length,
    )
    found = judge.prefer(COMPARISONS)
    assert found == pytest.approx(expected, abs=1e-5)
    assert found[0] == found[4]
    assert len(set(found)) == 4
    assert judge.prefer(COMPARISONS[::-1]) == pytest.approx(expected[::-1], abs=1e-5)
    assert judge.prefer([]) == []


def test_swapped_responses_get_one_minus_the_preference(policy_dir: Path, tiny: Params, section: PairwiseJudge) -> None:
    judge = open_judge(policy_dir, section, score=tiny.score, max_length=tiny.train_reward.max_length)
    swapped = [ResponsePair(prompt, second, first) for prompt, first, second in COMPARISONS]
    one, other = both_orders.prefer(judge, COMPARISONS, "both"), both_orders.prefer(judge, swapped, "both")
    assert [1 - p for p in one] == pytest.approx(other, abs=1e-6)
    assert one[3] == pytest.approx(0.5, abs=1e-6)  # the same response twice
    assert judge.prefer(swapped) != pytest.approx([1 - p for p in judge.prefer(COMPARISONS)], abs=1e-6)


def test_what_is_too_long_is_cut(policy_dir: Path, tiny: Params, section: PairwiseJudge) -> None:
    judge = open_judge(policy_dir, section, score=tiny.score, max_length=tiny.train_reward.max_length)
    found = judge.prefer([COMPARISONS[0], LONG, ENDLESS])
    assert found[0] == pytest.approx(
        judge.prefer(COMPARISONS)[0], abs=1e-6
    )  # another batch, on some CPUs other kernels
    assert all(0 < p < 1 for p in found)


def test_a_reward_model_prefers_by_the_difference(reward_dir: Path, tiny: Params) -> None:
    judge = open_judge(reward_dir, RewardJudge(kind="reward"), score=tiny.score, max_length=128)
    scorer = reward_model.open_scorer(reward_dir, tiny.score, max_length=128)

    def reward(prompt: list[Message], response: str) -> float:
        return scorer.score([[*prompt, {"role": "assistant", "content": response}]])[0]

    expected = [
        1 / (1 + math.exp(reward(one.prompt, one.second) - reward(one.prompt, one.first))) for one in COMPARISONS
    ]
    assert judge.prefer(COMPARISONS) == pytest.approx(expected, abs=1e-5)
    assert judge.prefer([]) == []


def test_a_fingerprint_is_of_what_decides_a_verdict(policy_dir: Path, reward_dir: Path, section: PairwiseJudge) -> None:
    same = fingerprints.judging(policy_dir, section)
    for alike in (replace(section, batch_tokens=1), replace(section, ranking="round_robin")):
        assert fingerprints.judging(policy_dir, alike) == same
    others = [replace(section, orders="one"), replace(section, max_length=64), replace(section, precision="bf16")]
    assert (
        len(
            {
                same,
                fingerprints.judging(reward_dir, section),
                *(fingerprints.judging(policy_dir, one) for one in others),
            }
        )
        == 5
    )
