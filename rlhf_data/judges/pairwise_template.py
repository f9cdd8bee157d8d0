r"""Input template of the pairwise preference model: a prompt and two responses as one instruction, and its token ids.

    [CONTEXT] \n\n<turn> user\n Name a river.\n [RESPONSE A] The Nile. [RESPONSE B] Green. \n

is the whole user turn (paper, section 2.1, as its released code renders it); the answer is the better one's letter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from rlhf_data.errors import EngineError
from rlhf_data.inference.protocols import ResponsePair
from rlhf_data.models import chat_template
from rlhf_data.schemas import Message

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

LETTERS = ("A", "B")  # of the response shown first, and second
START, FIRST, SECOND = "[CONTEXT] ", " [RESPONSE A] ", " [RESPONSE B] "
# What the template puts around the texts, spaces included, so that a response's first token is that of a reply
OWN_TOKENS = (
    f"{START}\n\n<turn> user\n ",
    "\n<turn> assistant\n ",
    "\n<turn> user\n ",
    f"\n{FIRST}",
    SECOND,
)


class Instruction(NamedTuple):
    """The token ids of an instruction, and what is left of its responses."""

    ids: list[int]
    responses_cut: bool = False
    alike: bool = False  # what tells the responses apart was cut off


def instruction(comparison: ResponsePair) -> str:
    """The user turn; a prompt's turns bear the names of their roles."""
    prompt, first, second = comparison
    return f"{START}{context(prompt)}{FIRST}{first}{SECOND}{second} \n"


def context(prompt: Sequence[Message]) -> str:
    """The turns of a prompt, each on lines of its own."""
    return "\n\n" + "".join(f"<turn> {turn['role']}\n {turn['content']}\n" for turn in prompt)


def add_own_tokens(tokenizer: PreTrainedTokenizerBase) -> None:
    """Adds the template's fixed parts to the tokenizer as single tokens; does nothing where it has them."""
    tokenizer.add_tokens(list(OWN_TOKENS))


def letter_ids(tokenizer: PreTrainedTokenizerBase) -> tuple[int, int]:
    """The token ids of the two answers, `A` and `B`.

    Raises `EngineError` where a letter is no single token, or where the chat template puts it elsewhere than right
    after the generation prompt: no probability could be read.
    """
    ids = [tokenizer.encode(letter, add_special_tokens=False) for letter in LETTERS]
    for letter, found in zip(LETTERS, ids, strict=True):
        if len(found) != 1:
            raise EngineError(
                f"{tokenizer.name_or_path}: the answer {letter} is {len(found)} tokens of this tokenizer, not one\n"
                "  a pairwise model needs a base whose tokenizer has single letters"
            )
    asked = [{"role": "user", "content": "?"}]
    told = _chat(tokenizer, [*asked, {"role": "assistant", "content": LETTERS[0]}], answer=False)
    if not told.startswith(_chat(tokenizer, asked, answer=True) + LETTERS[0]):
        raise EngineError(
            f"{tokenizer.name_or_path}: its generation prompt does not end with the assistant's header, "
            "which the answer follows\n  give the tokenizer a template with `add_generation_prompt`"
        )
    return ids[0][0], ids[1][0]


def instruction_ids(
    comparisons: Sequence[ResponsePair], tokenizer: PreTrainedTokenizerBase, *, max_length: int
) -> list[list[int]]:
    """The token ids of `instructions`."""
    return [one.ids for one in instructions(comparisons, tokenizer, max_length=max_length)]


def instructions(
    comparisons: Sequence[ResponsePair], tokenizer: PreTrainedTokenizerBase, *, max_length: int
) -> list[Instruction]:
    """Each instruction through the chat template, up to where the answer begins, without BOS as in the released code.

    Instructions longer than `max_length` tokens are truncated: first the beginning of the context, then the end of the
    longer response, then of both; the number of truncated instructions is printed. Raises `EngineError` where
    `max_length` does not hold the template itself.
    """
    texts = [_chat(tokenizer, [{"role": "user", "content": instruction(one)}], answer=True) for one in comparisons]
    if not texts:
        return []
    encoded = tokenizer(texts, add_special_tokens=False)
    found = [
        Instruction(ids)
        if len(ids) <= max_length
        else _cut(ids, _parts(one, text, encoding.offsets), excess=len(ids) - max_length)
        for one, text, ids, encoding in zip(comparisons, texts, encoded["input_ids"], encoded.encodings, strict=True)
    ]
    if long := sum(len(ids) > max_length for ids in encoded["input_ids"]):
        print(
            f"{long} of {len(texts)} instructions are longer than {max_length} tokens and lose the beginning of "
            f"their context, {sum(one.responses_cut for one in found)} of them also the end of a response",
            flush=True,
        )
    return found


def _cut(ids: list[int], parts: tuple[list[int], ...], *, excess: int) -> Instruction:
    dropped = _dropped(*parts, excess=excess)
    left = [[ids[at] for at in part if at not in dropped] for part in parts[1:]]
    shorter, longer = sorted(left, key=len)
    responses_cut = not dropped.isdisjoint({*parts[1], *parts[2]})
    # of an odd number of tokens one side has one more
    alike = responses_cut and len(longer) - len(shorter) <= 1 and longer[: len(shorter)] == shorter
    return Instruction([token for at, token in enumerate(ids) if at not in dropped], responses_cut, alike)


def _parts(comparison: ResponsePair, text: str, spans: Sequence[tuple[int, int]]) -> tuple[list[int], ...]:
    """Token positions of an instruction's context, first and second response; `spans` are in characters."""
    prompt, first, second = comparison
    found, end = list[list[int]](), text.index(START)
    for before, part in ((START, context(prompt)), (FIRST, first), (SECOND, second)):
        start = end + len(before)
        end = start + len(part)
        found.append([at for at, span in enumerate(spans) if start <= span[0] and span[1] <= end])
    return tuple(found)


def _dropped(context: list[int], first: list[int], second: list[int], *, excess: int) -> set[int]:
    """Positions of the `excess` tokens to drop."""
    more = excess - len(context)
    if more <= 0:
        return set(context[:excess])
    left = len(first) + len(second) - more
    if left < 0:
        raise EngineError(f"max_length is {-left} tokens too small for an instruction without any text\n  raise it")
    kept = min(len(first), max(left // 2, left - len(second)))  # of the first; the second has the rest
    return {*context, *first[kept:], *second[left - kept :]}


def _chat(tokenizer: PreTrainedTokenizerBase, messages: list[Any], *, answer: bool) -> str:
    text = chat_template.rendered(tokenizer, messages, add_generation_prompt=answer)
    return text.removeprefix(str(tokenizer.bos_token)) if tokenizer.bos_token else text
