"""The tokenizer and its chat template: trained on the project's own text, or taken from the hub.

    <|user|>What is 5 minus 1?<|eot|><|assistant|>5 minus 1 is 4.<|eot|>

Counting tokens needs only the `tokenizers` library, so that a stage which loads no model starts at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import polars as pl
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from rlhf_data.errors import SourceError

PAD, EOT = "<|pad|>", "<|eot|>"
ROLES = ("<|system|>", "<|user|>", "<|assistant|>")

# `generation` marks what SFT may learn from: an assistant's words and the end of its turn
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}"
    "{{ '<|assistant|>' }}{% generation %}{{ message['content'] + '<|eot|>' }}{% endgeneration %}"
    "{% else %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] + '<|eot|>' }}"
    "{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def train(texts: Iterable[str], folder: Path, *, vocab_size: int) -> int:
    """Trains a byte-level BPE on `texts`, saves it for transformers, and returns its vocabulary's size."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[PAD, EOT, *ROLES],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    folder.mkdir(parents=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": EOT,
        "pad_token": PAD,
        "clean_up_tokenization_spaces": False,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n")
    (folder / "chat_template.jinja").write_text(CHAT_TEMPLATE)
    return int(tokenizer.get_vocab_size())


def fetch(hub: str, revision: str | None, folder: Path) -> int:
    """Saves the tokenizer of a hub id or folder, and returns its vocabulary's size."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(hub, revision=revision)
    except OSError as error:
        raise SourceError(f"{hub}: no tokenizer to be had: {error}") from error
    if tokenizer.chat_template is None:
        raise SourceError(f"{hub}: its tokenizer has no chat template; name a chat model, or a folder that has one")
    tokenizer.save_pretrained(folder)
    return len(tokenizer)


def count(texts: Sequence[str], folder: Path) -> list[int]:
    """Tokens of each text, without special tokens."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    return [len(encoding.ids) for encoding in tokenizer.encode_batch(list(texts), add_special_tokens=False)]


def count_prompts(prompts: pl.Series, folder: Path) -> pl.Series:
    """Tokens of each prompt's contents, without the chat template."""
    contents = pl.DataFrame({"content": prompts.list.eval(pl.element().struct.field("content"))})
    flat = contents.with_row_index("place").explode("content")
    counted = flat.with_columns(prompt_tokens=pl.Series(count(flat["content"].to_list(), folder), dtype=pl.UInt32))
    return counted.group_by("place", maintain_order=True).agg(pl.col("prompt_tokens").sum())["prompt_tokens"]
