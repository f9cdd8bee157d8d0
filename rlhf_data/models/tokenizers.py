"""The tokenizer and its chat template: trained on the project's own text, or taken from the hub.

    <|user|>What is 5 minus 1?<|eot|><|assistant|>5 minus 1 is 4.<|eot|>

Counting tokens needs only the `tokenizers` library, so that a stage which loads no model starts at once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
from tokenizers import Tokenizer, decoders, pre_tokenizers, trainers
from tokenizers.models import BPE

from rlhf_data.errors import EngineError
from rlhf_data.models import chat_template, checkpoints
from rlhf_data.params.training import LlamaSize, SftParams

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

PAD, EOT = "<|pad|>", "<|eot|>"
AT_ONCE = 1000  # texts whose tokens are in memory while they are counted: 100 bytes per token
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
    tokenizer = Tokenizer(BPE())
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


def checked(folder: Path, sft: SftParams, *, systems: Sequence[str]) -> list[str]:
    """What `chat_template.probe` says of the tokenizer in `folder` for the policy that `sft` makes with it."""
    ends = [] if isinstance(sft.base, LlamaSize) else checkpoints.generation_ends(sft.base, sft.revision)
    return chat_template.probe(
        checkpoints.tokenizer(folder), ends=ends, learns_answers_alone=sft.assistant_only_loss, systems=systems
    )


def with_systems(conversations: Mapping[str, pl.Series]) -> list[str]:
    """Names of the tables in which a conversation has a system message."""
    return [
        name for name, messages in conversations.items() if (messages.explode().struct.field("role") == "system").any()
    ]


def fetch(hub: str, revision: str | None, folder: Path) -> int:
    """Saves the tokenizer of a hub id or folder, and returns its vocabulary's size."""
    tokenizer = checkpoints.tokenizer(hub, revision)
    if not tokenizer.is_fast:
        raise EngineError(f"{hub}: has no fast tokenizer (tokenizer.json), which counts tokens\n  name another one")
    tokenizer.save_pretrained(folder)
    return len(tokenizer)


def count(conversations: pl.Series, folder: Path) -> pl.Series:
    """Tokens of each conversation's contents, without special tokens and chat template."""
    contents = pl.DataFrame({"content": conversations.list.eval(pl.element().struct.field("content"))})
    flat = contents.with_row_index("place").explode("content")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokens: list[int] = []
    for some in flat.iter_slices(AT_ONCE):
        encodings = tokenizer.encode_batch(some["content"].to_list(), add_special_tokens=False)
        tokens += [len(encoding.ids) for encoding in encodings]
    counted = flat.with_columns(tokens=pl.Series(tokens, dtype=pl.UInt32))
    return counted.group_by("place", maintain_order=True).agg(pl.col("tokens").sum())["tokens"]


def lengths(tokens: pl.Series, *, max_length: int) -> dict[str, int]:
    """What `reports/sft.json` says: conversations, their tokens, and how many are longer than a block and truncated."""
    return {
        "conversations": tokens.len(),
        "tokens": int(tokens.sum()),
        "longer_than_block": int((tokens > max_length).sum()),
    }


def conversation_ids(
    prompts: list[Any], responses: list[str], tokenizer: PreTrainedTokenizerBase, max_length: int
) -> list[list[int]]:
    """Token ids of prompt and response by the chat template, truncated on the left: the reward is read at the end.

    The prompt of K responses in a row is tokenized once.
    """
    special = _special_tokens(tokenizer)
    heads, tails = list[str](), list[str]()
    for prompt, same in groupby(zip(prompts, responses, strict=True), key=itemgetter(0)):
        before = chat_template.rendered(tokenizer, prompt, add_generation_prompt=True)
        head = before[: max((found.start() for found in special.finditer(before)), default=0)]
        for _, response in same:
            text = chat_template.rendered(tokenizer, [*prompt, {"role": "assistant", "content": response}])
            cut = len(head) if text.startswith(head) else 0
            heads.append(text[:cut])
            tails.append(text[cut:])
    if not heads:
        return []
    once = list(dict.fromkeys(heads))
    ids_of = dict(zip(once, tokenizer(once, add_special_tokens=False)["input_ids"], strict=True))
    ends = tokenizer(tails, add_special_tokens=False)["input_ids"]
    return [[*ids_of[head], *end][-max_length:] for head, end in zip(heads, ends, strict=True)]


def _special_tokens(tokenizer: PreTrainedTokenizerBase) -> re.Pattern[str]:
    """Where a tokenizer cuts a text before it does anything else; matches nothing where it does not.

    What is before such a token, and it with all after it, have tokens of their own.
    """
    special = [
        added.content
        for added in tokenizer.added_tokens_decoder.values()
        if added.special and not (added.normalized or added.lstrip or added.rstrip or added.single_word)
    ]
    if not special or not tokenizer.is_fast:
        return re.compile("(?!)")
    return re.compile("|".join(map(re.escape, sorted(special, key=len, reverse=True))))


TOKENS = ("prompt_tokens", "chosen_tokens", "rejected_tokens")
OVERHEAD = 64  # tokens that a chat template adds to a turn, at most
# ... and once to a conversation, as a system message of its own: about half of its text is said, at four characters per
# token
CHARS_SAID = 8


def fitting(folder: Path, *, max_length: int) -> Callable[[pl.DataFrame], pl.Series]:
    """Returns the function that says which pairs have at most `max_length` tokens on either side, by the chat template.

    Rows have `prompt`, `chosen`, `rejected`, and the tokens of their texts (`TOKENS`) where these are known. The
    tokenizer is loaded once a row is near the limit.
    """
    template = folder / "chat_template.jinja"

    @cache
    def tokenizer() -> PreTrainedTokenizerBase:
        return checkpoints.tokenizer(folder)

    def fits(rows: pl.DataFrame) -> pl.Series:
        near = pl.repeat(True, rows.height, eager=True)
        if template.exists() and set(TOKENS) <= set(rows.columns):
            unknown = pl.any_horizontal(pl.col(TOKENS).is_null())
            said = pl.col("prompt_tokens") + pl.max_horizontal(TOKENS[1:])
            added = OVERHEAD * (pl.col("prompt").list.len() + 1) + len(template.read_text()) // CHARS_SAID
            near = rows.select(unknown | (said + added > max_length)).to_series()
        close = rows.filter(near)
        short = pl.Series("fits", [True] * rows.height, dtype=pl.Boolean)
        for side in ("chosen", "rejected") if close.height else ():
            ids = conversation_ids(close["prompt"].to_list(), close[side].to_list(), tokenizer(), max_length + 1)
            short &= _spread(near, [len(one) <= max_length for one in ids])
        return short

    return fits


def _spread(where: pl.Series, values: list[bool]) -> pl.Series:
    """The values at the places where `where` is true, and true elsewhere."""
    spread = iter(values)
    return pl.Series("fits", [next(spread) if one else True for one in where], dtype=pl.Boolean)
