"""SFT conversations that repeat an evaluation item go on the record; short items are what anyone may say."""

from __future__ import annotations

import json

import pytest

from rlhf_data.cleaning import decontamination, ingest
from rlhf_data.cleaning.instructions import decontaminated
from rlhf_data.params.cleaning import ContaminationParams, EvaluationSet
from rlhf_data.sources.formats import parser

ITEMS = ["Rewrite your previous response.", "Why does a carp have no stomach at all?"]
FOX = "Tell me a long story about a fox who learns to bake bread by the sea."
ASKED = [FOX, ITEMS[1].upper(), ITEMS[0], f"Please: {ITEMS[1]}"]


@pytest.mark.parametrize(("least", "gone"), [(1, [1, 2]), (5, [1]), (10, [])])
def test_conversations_that_repeat_an_item_of_enough_words_are_rejects(least: int, gone: list[int]) -> None:
    records = [{"prompt": text, "completion": f"Answer {n}."} for n, text in enumerate(ASKED)]
    cleaned = ingest.clean(records, parser("prompt_completion", "instructions"), source="zoo", kind="instructions",
                           max_chars=999)  # fmt: skip
    sets = {"eval": EvaluationSet(path="", field="q")}
    section = ContaminationParams(root="", words=20, overlap=0.5, min_words=least, instructions=True, sets=sets)
    against = decontamination.evaluation({"eval": [{"q": text} for text in ITEMS]}, section)

    found = decontaminated(cleaned, against)

    assert found.rejects.select("row", "rule").rows() == [(row, "contaminated") for row in gone]
    assert found.table["row"].to_list() == [row for row in range(4) if row not in gone]
    assert (found.raw, found.kept) == (4, 4 - len(gone))
    for raw, row in zip(found.rejects["raw"], gone, strict=True):
        assert json.loads(raw)["messages"][0]["content"] == ASKED[row]
