"""Invented records of every layout, and real files of some, with the rows or the rule that each must give."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from rlhf_data.cleaning import ingest
from rlhf_data.errors import SourceError
from rlhf_data.schemas import Instructions, Message, Preferences, PromptPool
from rlhf_data.sources import readers
from rlhf_data.sources.formats import KINDS, parser
from rlhf_data.sources.records import BadRecord, Comparison, Conversation, Prompt
from rlhf_data.storage import tables

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "tests" / "sources" / "data"
SCHEMAS = {"preferences": Preferences, "instructions": Instructions, "prompts": PromptPool}


def said(*turns: str) -> list[Message]:
    """Turns of user and assistant, the user's first."""
    return [{"role": "user" if n % 2 == 0 else "assistant", "content": text} for n, text in enumerate(turns)]


SYSTEM: Message = {"role": "system", "content": "Be brief."}
BREAD = said("My bread never rises.", "How old is your yeast?", "Two years. Human: nature!")

# per record, in the example file's order: its rows, or the rule that drops it
EXPECTED: dict[tuple[str, str], list[Any]] = {
    ("world", "preferences"): [
        [Comparison(said("What is 5 minus 1?"), "5 minus 1 is 4.", "I am not sure.", 1.5, 0.25, "simulated", 0.9)],
        "wrong_layout",
        "wrong_layout",
    ],
    ("world", "instructions"): [
        "wrong_layout",
        [Conversation(said("Where does a frog live?", "In the pond."))],
        "wrong_layout",
    ],
    ("world", "prompts"): [
        "wrong_layout",
        "wrong_layout",
        [Prompt(said("Where does a bee live?"), '{"answer": "In a hive.", "why": "It guards the honey."}')],
    ],
    ("hh_rlhf", "preferences"): [
        [Comparison(BREAD, "Try a fresh packet.", "Bread is hard.")],
        "different_turns",  # though a turn is empty too
        "odd_length",  # though a turn is empty too
        "empty_turn",
        "different_history",
        "turns_out_of_order",
        "wrong_layout",
        "wrong_layout",
    ],
    ("hh_rlhf", "prompts"): [
        [Prompt(BREAD)],
        [Prompt(said("Hi."))],
        "odd_length",
        [Prompt(said("Name a fish."))],
        [Prompt(said("Name a bird."))],
        "turns_out_of_order",
        "wrong_layout",
        "wrong_layout",
    ],
    ("scored_texts", "preferences"): [
        [Comparison(said("Name a fish."), "A carp.", "A whale.", 1.5, 0.5)],
        [Comparison(said("Why is ice slippery?"), "A thin film of water.", "It is cold.", 2.0, 0.0)],
        "tie",
        [Comparison(said("Pick."), "B", "A", 3.0, 1.0), Comparison(said("Pick."), "B", "C", 3.0, 1.0)],
        "no_pair",
        "unrated",
        "empty_turn",
        "wrong_layout",
    ],
    ("scored_texts", "prompts"): [
        [Prompt(said("Name a fish."))] * 2,
        [Prompt(said("Why is ice slippery?"))] * 2,
        [Prompt(said("Hi."))] * 2,
        [Prompt(said("Pick."))] * 3,
        [Prompt(said("Alone."))],
        [Prompt(said("Hi."))] * 2,
        [Prompt(said("Hi."))] * 2,
        [Prompt(said("Hi."))],
    ],
    ("pandalm", "preferences"): [
        [Comparison(said("Shorten this.\n\nIt is raining a lot."), "Rain.", "It pours.")],
        [Comparison(said("Name a fish."), "A carp.", "A whale.")],
        "tie",
        "no_majority",
        "wrong_layout",
        "wrong_layout",
    ],
    ("pandalm", "prompts"): [
        [Prompt(said("Shorten this.\n\nIt is raining a lot."))],
        [Prompt(said("Name a fish."))],
        [Prompt(said("Name a bird."))],
        [Prompt(said("Name a tree."))],
        [Prompt(said("Is ice cold?"))],
        [Prompt(said("Name a stone."))],
    ],
    ("sharegpt_pairs", "preferences"): [
        [Comparison([SYSTEM, *said("Name a fish.")], "A carp.", "A whale.")],
        [Comparison(said("Hi.", "Hello!", "Bye."), "Goodbye!", "Hm.")],
        "unknown_role",
        "turns_out_of_order",
        "wrong_layout",
    ],
    ("sharegpt_pairs", "prompts"): [
        [Prompt([SYSTEM, *said("Name a fish.")])],
        [Prompt(said("Hi.", "Hello!", "Bye."))],
        "unknown_role",
        [Prompt(said("Hi."))],
        "wrong_layout",
    ],
    ("messages", "instructions"): [
        [Conversation(said("Name a fish.", "A carp."))],
        [Conversation([SYSTEM, *said("Hi.", "Hello!", "Bye.")])],  # ends with the user: `filters` drops it
        "not_text",
        "unknown_role",
        "wrong_layout",
        "wrong_layout",
    ],
    ("messages", "prompts"): [
        [Prompt(said("Name a fish."))],
        [Prompt([SYSTEM, *said("Hi.", "Hello!", "Bye.")])],
        "not_text",
        "unknown_role",
        "wrong_layout",
        "wrong_layout",
    ],
    ("instruction_response", "instructions"): [
        [Conversation(said("Translate into French.\n\nGood evening.", "Bonsoir."))],
        [Conversation(said("Name a fish.", "A carp."))],
        [Conversation(said("Name a bird.", "A wren."))],
        "wrong_layout",
        "wrong_layout",
    ],
    ("instruction_response", "prompts"): [
        [Prompt(said("Translate into French.\n\nGood evening."))],
        [Prompt(said("Name a fish."))],
        [Prompt(said("Name a bird."))],
        [Prompt(said("Name a tree."))],
        "wrong_layout",
    ],
    ("prompt_completion", "instructions"): [
        [Conversation(said("Name a fish.", "A carp."))],
        "wrong_layout",
        "not_unicode",
        "wrong_layout",
    ],
    ("prompt_completion", "prompts"): [
        [Prompt(said("Name a fish."))],
        [Prompt(said("Name a bird."))],
        "not_unicode",
        "wrong_layout",
    ],
    ("self_instruct", "instructions"): [
        [
            Conversation(said("Give the opposite.\n\nwarm", "cold")),
            Conversation(said("Give the opposite.\n\nwet", "dry")),
        ],
        [Conversation(said("Name a fish.", "A carp."))],  # without its second instance, which has no output
        "wrong_layout",
        "wrong_layout",
    ],
    ("self_instruct", "prompts"): [
        [Prompt(said("Give the opposite.\n\nwarm")), Prompt(said("Give the opposite.\n\nwet"))],
        [Prompt(said("Name a fish."))] * 2,
        "wrong_layout",
        "wrong_layout",
    ],
    ("question_answer", "instructions"): [
        [Conversation(said("Ann has 3 boxes of 4 pens. How many pens?", "3 * 4 = 12 pens.\n#### 12"))],
        "wrong_layout",
        "wrong_layout",
    ],
    ("question_answer", "prompts"): [
        [Prompt(said("Ann has 3 boxes of 4 pens. How many pens?"))],
        [Prompt(said("Ben has no pens. How many pens?"))],
        "wrong_layout",
    ],
    ("single_prompt", "prompts"): [
        [Prompt(said("Use ABC notation."))],
        [Prompt(said("Write a haiku on rust."))],
        "wrong_layout",
        "wrong_layout",
        "wrong_layout",
    ],
}
FORMATS = sorted({format for format, _ in EXPECTED})


def examples(format: str) -> list[Any]:
    return list(readers.records(EXAMPLES / f"{format}.jsonl"))


@pytest.mark.parametrize(("format", "kind"), EXPECTED)
def test_examples(format: str, kind: str) -> None:
    parse = parser(format, kind)
    found: list[Any] = []
    for record in examples(format):
        try:
            found.append(parse(record))
        except BadRecord as bad:
            found.append(bad.rule)
    assert found == EXPECTED[format, kind]


@pytest.mark.parametrize("format", FORMATS)
def test_a_format_says_which_kinds_it_has(format: str) -> None:
    kinds = [kind for kind in KINDS if (format, kind) in EXPECTED]
    for kind in set(KINDS) - set(kinds):
        with pytest.raises(SourceError, match=f"{format} gives no {kind}\n  it gives: {', '.join(kinds)}"):
            parser(format, kind)


@pytest.mark.parametrize("format", ["csv", "../world", "", "world.records", "transcripts", "fields"])
def test_unknown_format(format: str) -> None:
    with pytest.raises(SourceError, match="no such format"):
        parser(format, "prompts")


def test_a_wrong_layout_says_what_was_found() -> None:
    parse = parser("sharegpt_pairs", "preferences")
    for record, detail in [
        ({"messages": [], "label": True}, "no field 'conversations'; it has: messages, label"),
        ({"conversations": None}, "field 'conversations' is null"),
        ({"conversations": {}}, "field 'conversations' is an object, not a list"),
        ([1], "the record is a list, not an object"),
    ]:
        with pytest.raises(BadRecord) as caught:
            parse(record)
        assert (caught.value.rule, caught.value.detail) == ("wrong_layout", detail)


REAL = [
    ("preferences", "hh_rlhf", "preferences/hh_rlhf/harmless-base.test.jsonl.gz"),
    ("preferences", "scored_texts", "preferences/dsp_noncommercial/helpful.test.json.gz"),
    ("preferences", "scored_texts", "preferences/dsp_noncommercial/webgpt.test.json.gz"),
    ("preferences", "pandalm", "preferences/pandalm/testset-v1.json.gz"),
    ("preferences", "sharegpt_pairs", "preferences/llama_factory/dpo_en_demo.json.gz"),
    ("instructions", "question_answer", "sft/gsm8k/train.jsonl.gz"),
    ("instructions", "instruction_response", "sft/gpteacher/*.json.gz"),
    ("instructions", "prompt_completion", "sft/octopack_oasst/*.jsonl.gz"),
    ("instructions", "self_instruct", "sft/self_instruct/seed_tasks.jsonl.gz"),
    ("instructions", "messages", "sft/llama_factory/v1_sft_demo.jsonl.gz"),
    ("prompts", "single_prompt", "evaluation/arena_hard/v0.1_question.jsonl.gz"),
    ("prompts", "single_prompt", "evaluation/mt_bench/question.jsonl.gz"),
    ("prompts", "question_answer", "evaluation/gsm8k/test.jsonl.gz"),
]


@pytest.fixture
def real_data() -> Path:
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"real data absent: {folder}")
    return folder


def cleaned_file(path: Path, format: str, kind: str) -> ingest.Cleaned:
    return ingest.clean(readers.records(path), parser(format, kind), source=format, kind=kind, max_chars=100_000)


@pytest.mark.parametrize(("kind", "format", "pattern"), REAL)
def test_real_files(real_data: Path, kind: str, format: str, pattern: str) -> None:
    paths = sorted(real_data.glob(pattern))
    assert paths
    for path in paths:
        cleaned = cleaned_file(path, format, kind)
        ingest.refuse_nothing_kept(cleaned, str(path), format)
        assert cleaned.raw == cleaned.kept + cleaned.rejects.height
        assert tables.check(cleaned.table, SCHEMAS[kind], path).height >= cleaned.kept > 0


def test_real_hh_rlhf_is_filtered_as_published(real_data: Path) -> None:
    cleaned = cleaned_file(real_data / REAL[0][2], "hh_rlhf", "preferences")
    assert (cleaned.raw, cleaned.kept) == (2312, 2299)
    assert Counter(cleaned.rejects["rule"]) == {"different_turns": 5, "odd_length": 4, "empty_turn": 4}


@pytest.mark.parametrize("format", [format for format, kind in EXPECTED if kind == "preferences"])
def test_real_unpaired_file_is_refused(real_data: Path, format: str) -> None:
    path = real_data / "preferences/llama_factory/kto_en_demo.json.gz"
    cleaned = cleaned_file(path, format, "preferences")
    with pytest.raises(SourceError, match=r"kto_en_demo\.json\.gz: 0 of 300 records can be used as .*\n  wrong_layout"):
        ingest.refuse_nothing_kept(cleaned, str(path), format)
