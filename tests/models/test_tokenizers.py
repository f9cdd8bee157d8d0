"""A prompt that is split into tokens once gives the tokens of whole conversations, whatever the tokenizer."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest
from tokenizers import AddedToken, Tokenizer, normalizers, pre_tokenizers
from tokenizers import trainers as token_trainers
from tokenizers.models import BPE

from rlhf_data.models import tokenizers
from rlhf_data.models.tokenizers import CHAT_TEMPLATE, EOT, PAD, ROLES
from rlhf_data.world import records

HEADERS = (
    "{% for message in messages %}<|start|>{{ message['role'] }}<|end|>\n\n{{ message['content'] | trim }}<|eot|>"
    "{% endfor %}{% if add_generation_prompt %}<|start|>assistant<|end|>\n\n{% endif %}"
)
WORDS = [
    "tea", " tea", "TEA", "  ", "\n", "\n\n", " ", "é", "日本", "🙂", "'s", "123", "a<|eot|>b", "<|assistant|>", "<|eo",
    "t|>", "<|start|>", "▁", "\t", "ﬁ", "",
]  # fmt: skip


def byte_level(special: list[AddedToken]) -> Any:
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    return tokenizer, token_trainers.BpeTrainer(
        vocab_size=400, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )


def prepended(special: list[AddedToken]) -> Any:
    """As converted from SentencePiece: spaces are letters, and each piece of text begins with one."""
    tokenizer = Tokenizer(BPE(unk_token="<|unk|>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    return tokenizer, token_trainers.BpeTrainer(vocab_size=400, special_tokens=[*special, AddedToken("<|unk|>")])


def metaspace(special: list[AddedToken]) -> Any:
    """Only the first piece of a text begins with a space of its own."""
    tokenizer = Tokenizer(BPE(unk_token="<|unk|>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    return tokenizer, token_trainers.BpeTrainer(vocab_size=400, special_tokens=[*special, AddedToken("<|unk|>")])


def made(kind: Callable[[list[AddedToken]], Any], template: str, **flags: bool) -> Any:
    from transformers import PreTrainedTokenizerFast

    names = [PAD, EOT, *ROLES, "<|start|>", "<|end|>"]
    special = [AddedToken(name, special=True, normalized=False, **flags) for name in names]
    tokenizer, trainer = kind(special)
    texts = [turn["content"] for chat in records.records("instructions", 200, seed=0) for turn in chat["messages"]]
    tokenizer.train_from_iterator([*texts, *WORDS], trainer)
    tokens = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=EOT, pad_token=PAD)
    tokens.chat_template = template
    return tokens


def conversations(count: int) -> tuple[list[Any], list[str]]:
    draw = Random(0)

    def text() -> str:
        return "".join(draw.choices(WORDS, k=draw.randint(0, 8)))

    prompts = [
        [{"role": ("user", "assistant")[turn % 2], "content": text()} for turn in range(draw.choice([1, 3]))]
        for _ in range(count)
    ]
    return [prompt for prompt in prompts for _ in range(3)], [text() for _ in range(3 * count)]


@pytest.mark.parametrize("template", [CHAT_TEMPLATE, HEADERS])
@pytest.mark.parametrize("kind", [byte_level, prepended, metaspace])
@pytest.mark.parametrize("flags", [{}, {"lstrip": True}, {"rstrip": True}])
def test_prompts_apart_give_the_tokens_of_whole_conversations(kind: Any, template: str, flags: dict[str, bool]) -> None:
    tokens = made(kind, template, **flags)
    prompts, responses = conversations(200)
    whole = [
        tokens.apply_chat_template([*prompt, {"role": "assistant", "content": response}], tokenize=False)
        for prompt, response in zip(prompts, responses, strict=True)
    ]
    expected = tokens(whole, add_special_tokens=False)["input_ids"]
    assert tokenizers.conversation_ids(prompts, responses, tokens, 10_000) == expected
    cut = tokenizers.conversation_ids(prompts, responses, tokens, 7)
    assert cut == [ids[-7:] for ids in expected]


def test_each_prompt_is_split_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import PreTrainedTokenizerFast

    tokens = made(byte_level, CHAT_TEMPLATE)
    asked = []
    split = PreTrainedTokenizerFast.__call__

    def watched(self: Any, texts: list[str], **options: Any) -> Any:
        asked.extend(texts)
        return split(self, texts, **options)

    monkeypatch.setattr(PreTrainedTokenizerFast, "__call__", watched)
    prompt = [{"role": "user", "content": "What is 5 minus 1?"}]
    tokenizers.conversation_ids([prompt] * 3, ["4", "3", "I am not sure."], tokens, 100)
    begun = "<|assistant|>"
    assert asked == ["<|user|>What is 5 minus 1?<|eot|>", f"{begun}4{EOT}", f"{begun}3{EOT}",
                     f"{begun}I am not sure.{EOT}"]  # fmt: skip


def test_no_conversations() -> None:
    assert tokenizers.conversation_ids([], [], made(byte_level, CHAT_TEMPLATE), 10) == []


def test_pairs_near_the_limit_are_counted_by_the_template_and_others_need_no_tokenizer(
    tokenizer_dir: Path, tmp_path: Path
) -> None:
    from rlhf_data.models import checkpoints

    prompt = [{"role": "user", "content": "Name a fish."}]
    texts = ["Tea.", "A carp, I think, or a pike.", "word " * 60]
    pairs = pl.DataFrame({"prompt": [prompt] * 3, "chosen": ["A carp."] * 3, "rejected": texts})
    tokenizer = checkpoints.tokenizer(tokenizer_dir)
    said = [[*prompt, {"role": "assistant", "content": text}] for text in texts]
    lengths = [len(tokenizer(tokenizer.apply_chat_template(one, tokenize=False))["input_ids"]) for one in said]

    unknown = pairs.with_columns(prompt_tokens=None, chosen_tokens=None, rejected_tokens=None).cast(
        dict.fromkeys(("prompt_tokens", "chosen_tokens", "rejected_tokens"), pl.UInt32)
    )
    for limit in (lengths[1] - 1, lengths[1], lengths[2] - 1, lengths[2]):
        assert tokenizers.fitting(tokenizer_dir, max_length=limit)(unknown).to_list() == [
            one <= limit for one in lengths
        ]
    known = unknown.with_columns(prompt_tokens=5, chosen_tokens=3, rejected_tokens=9)
    shutil.copy(tokenizer_dir / "chat_template.jinja", tmp_path)  # and no tokenizer
    assert tokenizers.fitting(tmp_path, max_length=4096)(known).all()


def test_a_system_message_of_the_template_s_own_takes_its_room(tokenizer_dir: Path, tmp_path: Path) -> None:
    folder = tmp_path / "tokenizer"
    shutil.copytree(tokenizer_dir, folder)
    rules = "You are asked for things in few words and say them. " * 30  # 1,560 characters in a template of 4,000
    (folder / "chat_template.jinja").write_text(
        "{# " + "-" * 2000 + " #}<|system|>" + rules + "<|eot|>" + CHAT_TEMPLATE
    )
    known = pl.DataFrame(
        {"prompt": [[{"role": "user", "content": "Name a fish."}]], "chosen": ["A carp."], "rejected": ["Tea."]}
    ).with_columns(pl.lit(count).cast(pl.UInt32).alias(name) for name, count in
                   (("prompt_tokens", 5), ("chosen_tokens", 4), ("rejected_tokens", 3)))  # fmt: skip
    assert tokenizers.fitting(tokenizer_dir, max_length=400)(known).to_list() == [True]
    assert tokenizers.fitting(folder, max_length=400)(known).to_list() == [False]
