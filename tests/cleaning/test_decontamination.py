"""Evaluation items given literally, and prompts that give them away or do not; the real MT-Bench where it is there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from rlhf_data.cleaning import decontamination
from rlhf_data.errors import SourceError
from rlhf_data.params.cleaning import ContaminationParams, EvaluationSet
from rlhf_data.schemas import PromptPool
from rlhf_data.sources import readers

ROOT = Path(__file__).parents[2]
REAL = ROOT.parent / "shared" / "data" / "evaluation"
FOX = "Write a short story about a fox who learns to bake bread in a village by the sea."
RAW: dict[str, list[object]] = {
    "chats": [{"turns": [FOX, "Name a fish."]}, {"turns": ["Now in French, please.", "Why?"]}],
    "sums": [{"q": "What is 5 - 3?"}],
}
SETS = ContaminationParams(
    root="", words=8, overlap=0.5, min_words=3, sets={name: EvaluationSet(path="", field=field) for name, field in
                                         (("chats", "turns"), ("sums", "q"))},
)  # fmt: skip


def prompts(*conversations: list[tuple[str, str]]) -> pl.Series:
    given = [[{"role": role, "content": content} for role, content in turns] for turns in conversations]
    return pl.Series("prompt", given, dtype=PromptPool.create_empty().schema["prompt"])


def details(*texts: str) -> list[str | None]:
    against = decontamination.evaluation(RAW, SETS)
    return decontamination.given_away(prompts(*([("user", text)] for text in texts)), against)


def test_the_same_words_in_another_case_spacing_and_punctuation() -> None:
    assert details(f"  {FOX.lower().replace(' ', '  ')} ", "NAME A FISH", "what is 5-3", "What is 5 + 3?") == [
        "chats row 0, text 0: the same words",
        "chats row 0, text 1: the same words",
        "sums row 0, text 0: the same words",
        None,
    ]


def test_an_item_within_a_longer_turn() -> None:
    half = " ".join(FOX.split()[:13])  # 6 of the item's 11 runs of eight words
    assert details(f"You are a poet. {FOX} Make it rhyme.", half, " ".join(FOX.split()[:12])) == [
        "chats row 0, text 0: 100% of its 8-word runs",
        "chats row 0, text 0: 55% of its 8-word runs",
        None,
    ]


def test_a_short_item_is_found_as_a_whole_turn_only() -> None:
    assert details("Please, name a fish.") == [None]


def test_items_of_fewer_words_than_the_least_are_not_looked_for_and_counted() -> None:
    assert details("Why?", "now in french please", "Name a fish") == [
        None,
        "chats row 1, text 0: the same words",
        "chats row 0, text 1: the same words",
    ]
    assert decontamination.notes(decontamination.evaluation(RAW, SETS)) == [
        "clean.contamination: 1 items of fewer than 3 words are not looked for (min_words), the first: "
        "chats row 1, text 1"
    ]
    assert decontamination.notes(decontamination.evaluation(RAW, replace(SETS, min_words=1))) == []
    assert decontamination.notes(None) == []


def test_every_user_turn_is_looked_at_and_no_other() -> None:
    against = decontamination.evaluation(RAW, SETS)
    talk = prompts(
        [("user", "Hi."), ("assistant", "Hello!"), ("user", "name a fish")],
        [("system", "Name a fish."), ("user", "Hi."), ("assistant", "Name a fish."), ("user", "A carp.")],
    )
    assert decontamination.given_away(talk, against) == ["chats row 0, text 1: the same words", None]


@pytest.mark.parametrize("record", [{"prompt": "Hi."}, {"turns": []}, {"turns": [1]}, {"turns": None}, "Hi."])
def test_a_record_without_the_field_is_refused(record: object) -> None:
    with pytest.raises(SourceError, match=r"chats row 0: field 'turns' holds no text"):
        decontamination.evaluation({"chats": [record]}, SETS)


@pytest.mark.skipif(not REAL.exists(), reason="the real evaluation sets are not there")
def test_every_real_item_is_found_lower_cased_and_spaced_out() -> None:
    fields = {
        "mt_bench": ("mt_bench/question.jsonl.gz", "turns"),
        "arena_hard": ("arena_hard/v0.1_question.jsonl.gz", "prompt"),
        "gsm8k": ("gsm8k/test.jsonl.gz", "question"),
        "humaneval": ("humaneval/HumanEval.jsonl.gz", "prompt"),
        "truthfulqa": ("truthfulqa/TruthfulQA.csv.gz", "Question"),
    }
    sets = {name: EvaluationSet(path=path, field=field) for name, (path, field) in fields.items()}
    section = ContaminationParams(root=str(REAL), words=8, overlap=0.5, min_words=1, sets=sets)
    against = decontamination.evaluation({name: readers.pinned(REAL, one) for name, one in sets.items()}, section)

    items = [text for name, (path, field) in fields.items() for text in _texts(REAL / path, field)]
    planted = prompts(*([("user", f" {text.lower().replace(' ', '   ')}\n")] for text in items))
    buried = prompts(*([("user", f"Answer this. {text} Think well.")] for text in items if len(text.split()) > 20))

    assert len(items) == 160 + 500 + 1319 + 164 + 817
    assert None not in decontamination.given_away(planted, against)
    assert None not in decontamination.given_away(buried, against)
    assert decontamination.given_away(prompts([("user", FOX)]), against) == [None]


def _texts(path: Path, field: str) -> list[str]:
    values = [record[field] for record in readers.records(path) if isinstance(record, dict)]
    return [text for value in values for text in ([value] if isinstance(value, str) else value)]
