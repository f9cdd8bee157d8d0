"""The instruction to the letter, its tokens, and what cannot be asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rlhf_data.errors import EngineError
from rlhf_data.inference.protocols import ResponsePair
from rlhf_data.judges import pairwise_template
from rlhf_data.models import checkpoints
from rlhf_data.schemas import Message

TURNS: list[Message] = [
    {"role": "user", "content": "Q1"},
    {"role": "assistant", "content": "A1"},
    {"role": "user", "content": "Q2"},
]
ASKED: list[Message] = [{"role": "user", "content": "What is 5 minus 1?"}]
SHORT = ResponsePair(ASKED, "5 minus 1 is 4.", "I am not sure about that.")
LONG = ResponsePair([{"role": "user", "content": "Tell me. " * 40 + "What is 5 minus 1?"}], "4", "5 minus 1 is 4.")


def test_the_template_to_the_letter() -> None:
    assert pairwise_template.context(TURNS[:1]) == "\n\n<turn> user\n Q1\n"
    assert pairwise_template.context(TURNS) == "\n\n<turn> user\n Q1\n<turn> assistant\n A1\n<turn> user\n Q2\n"
    assert pairwise_template.instruction(ResponsePair(TURNS, "RA", "RB")) == (
        "[CONTEXT] \n\n<turn> user\n Q1\n<turn> assistant\n A1\n<turn> user\n Q2\n [RESPONSE A] RA [RESPONSE B] RB \n"
    )


def test_an_instruction_is_one_user_turn_before_an_answer(policy_dir: Path) -> None:
    tokens = checkpoints.tokenizer(policy_dir)
    (ids,) = pairwise_template.instruction_ids([ResponsePair(TURNS, "RA", "RB")], tokens, max_length=128)
    assert tokens.decode(ids) == (
        f"<|user|>{pairwise_template.instruction(ResponsePair(TURNS, 'RA', 'RB'))}<|eot|><|assistant|>"
    )


def test_the_templates_own_tokens_change_no_text(policy_dir: Path) -> None:
    tokens = checkpoints.tokenizer(policy_dir)
    (plain,) = pairwise_template.instruction_ids([ResponsePair(TURNS, "RA", "RB")], tokens, max_length=128)
    size = len(tokens)
    for _ in range(2):
        pairwise_template.add_own_tokens(tokens)
        (short,) = pairwise_template.instruction_ids([ResponsePair(TURNS, "RA", "RB")], tokens, max_length=128)
        assert tokens.decode(short) == tokens.decode(plain)
        assert len([token for token in short if token >= size]) == 5
        assert len(tokens) == size + 5


@pytest.mark.parametrize("own_tokens", [False, True])
def test_long_instructions_lose_the_beginning_of_their_context(
    policy_dir: Path, capsys: pytest.CaptureFixture[str], own_tokens: bool
) -> None:
    tokens = checkpoints.tokenizer(policy_dir)
    if own_tokens:
        pairwise_template.add_own_tokens(tokens)
    short, long = pairwise_template.instruction_ids([SHORT, LONG], tokens, max_length=110)
    assert len(short) < len(long) == 110
    text = tokens.decode(long)
    assert text.startswith("<|user|>[CONTEXT] ")
    assert text.endswith(
        "Tell me. What is 5 minus 1?\n [RESPONSE A] 4 [RESPONSE B] 5 minus 1 is 4. \n<|eot|><|assistant|>"
    )
    said = "1 of 2 instructions are longer than 110 tokens and lose the beginning of their context, 0 of them also the"
    assert said in capsys.readouterr().out


@pytest.mark.parametrize("turned", [False, True])
def test_then_the_longer_response_loses_its_end(
    policy_dir: Path, capsys: pytest.CaptureFixture[str], turned: bool
) -> None:
    tokens = checkpoints.tokenizer(policy_dir)
    endless = ResponsePair(ASKED, "It is 4. " * 200, "I am not sure.")
    if turned:
        endless = ResponsePair(ASKED, endless.second, endless.first)
    (ids,) = pairwise_template.instruction_ids([endless], tokens, max_length=100)
    text = tokens.decode(ids)
    assert len(ids) == 100
    assert "What" not in text
    assert " I am not sure. " in text
    assert ("[RESPONSE B]" if turned else "[RESPONSE A]") + " It is 4. It is 4." in text
    assert text.endswith(" \n<|eot|><|assistant|>")
    assert "1 of 1 instructions" in (said := capsys.readouterr().out)
    assert "1 of them also the end of a response" in said


def test_two_long_responses_keep_as_much_of_each(policy_dir: Path) -> None:
    tokens = checkpoints.tokenizer(policy_dir)
    endless = ResponsePair(ASKED, "4 " * 300, "5 " * 200)
    (ids,) = pairwise_template.instruction_ids([endless], tokens, max_length=200)
    assert len(ids) == 200
    fours, fives = (tokens.decode(ids).count(f"{digit} ") for digit in "45")
    assert abs(fours - fives) <= 2
    assert fours > 20


def test_a_length_that_does_not_hold_the_template_is_refused(policy_dir: Path) -> None:
    with pytest.raises(EngineError, match=r"max_length is [0-9]+ tokens too small for an instruction without any text"):
        pairwise_template.instruction_ids([LONG], checkpoints.tokenizer(policy_dir), max_length=20)


def spoilt(policy_dir: Path, folder: Path, change: Callable[[Any], None]) -> Path:
    tokens: Any = checkpoints.tokenizer(policy_dir)
    change(tokens)
    tokens.save_pretrained(folder)
    return folder


def without_generation_prompt(tokens: Any) -> None:
    tokens.chat_template = tokens.chat_template.replace("{% if add_generation_prompt %}", "{% if false %}")


def test_a_template_that_does_not_end_with_the_header_is_refused(policy_dir: Path, tmp_path: Path) -> None:
    folder = spoilt(policy_dir, tmp_path / "out", without_generation_prompt)
    with pytest.raises(EngineError, match="generation prompt does not end with the assistant's header"):
        pairwise_template.letter_ids(checkpoints.tokenizer(folder))


def test_a_template_that_always_ends_with_the_header_will_do(policy_dir: Path) -> None:
    tokens = checkpoints.tokenizer(policy_dir)
    tokens.chat_template = str(tokens.chat_template).replace("{% if add_generation_prompt %}", "{% if true %}")
    assert pairwise_template.letter_ids(tokens) == tuple(tokens.convert_tokens_to_ids(["A", "B"]))


def test_letters_of_several_tokens_are_refused(policy_dir: Path) -> None:
    from tokenizers import normalizers

    tokens: Any = checkpoints.tokenizer(policy_dir)
    tokens.backend_tokenizer.normalizer = normalizers.Replace("B", "BQ")
    with pytest.raises(EngineError, match="the answer B is 2 tokens of this tokenizer, not one"):
        pairwise_template.letter_ids(tokens)


def test_there_is_no_bos(policy_dir: Path) -> None:
    tokens: Any = checkpoints.tokenizer(policy_dir)
    (plain,) = pairwise_template.instruction_ids([SHORT], tokens, max_length=128)
    tokens.add_special_tokens({"bos_token": "<|bos|>"})
    tokens.chat_template = "{{ bos_token }}" + tokens.chat_template
    (with_bos,) = pairwise_template.instruction_ids([SHORT], tokens, max_length=128)
    assert with_bos == plain
    assert pairwise_template.letter_ids(tokens)
