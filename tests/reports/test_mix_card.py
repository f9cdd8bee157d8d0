"""A mix's data card: what it must say of sources, licences, revisions, rules and counts."""

from __future__ import annotations

import polars as pl

from rlhf_data.cleaning import table5
from rlhf_data.params.cleaning import CleanParams, ContaminationParams, EvaluationSet, MixParams, NearDuplicateParams
from rlhf_data.params.sources import FileSource, WorldSource
from rlhf_data.reports import mix_card
from rlhf_data.sources.about import About, Expected

ABOUT = About("Zoo", "https://zoo.example", "CC-BY-NC-4.0", True, "A. Keeper (2024). Zoo.", "LLM", "human", Expected())
SOURCES: dict[str, tuple[FileSource | WorldSource, About | None]] = {
    "zoo": (FileSource(format="hh_rlhf", kind="preferences", path="zoo.jsonl", sha256="ab12"), ABOUT),
    "ark": (FileSource(format="standard", kind="preferences", hub="ark/pairs", split="train", revision="c0ffee"), None),
    "world": (WorldSource(format="world", kind="preferences", rows=1500), None),
}
ROWS = [
    ("zoo", "train", 1200), ("zoo", "test", 10), ("zoo", "contaminated", 3),
    ("ark", "train", 20), ("ark", "unused", 7), ("world", "train", 30),
]  # fmt: skip
SETS = {"mt_bench": EvaluationSet(path="q.jsonl", field="turns")}
RULES = CleanParams(
    min_margin={"zoo": 0.5},
    max_tokens=4096,
    conflicting_labels="neither",
    near_duplicates=NearDuplicateParams(threshold=0.8, words=3, permutations=128, bands=32),
    contamination=ContaminationParams(root="eval", words=8, overlap=0.5, min_words=5, sets=SETS),
)
BARE = CleanParams(min_margin={}, max_tokens=None, conflicting_labels="keep", near_duplicates=None, contamination=None)


def card(rules: CleanParams, wanted: MixParams, *names: str) -> str:
    account = pl.DataFrame(
        [("mix1", *row) for row in ROWS if row[0] in names], schema=["mix", "source", "rule", "rows"], orient="row"
    )
    counted = {"annotator": "ann, ben", "prompts": 1100, "pairs": 1213, "prompt_tokens": 9.5, "chosen_tokens": 3.0}
    counted |= {"rejected_tokens": 2.0}
    abouts = {name: about for name, (_, about) in SOURCES.items()}
    return mix_card.card(
        "mix1",
        account=account,
        origins=mix_card.origins({name: one for name, (one, _) in SOURCES.items()}, abouts, seed=7),
        figures=table5.table(dict.fromkeys(SOURCES, counted), abouts),
        wanted=wanted,
        rules=rules,
        profile="real",
        held_out=0.1,
        seed=7,
    )


def test_what_a_card_says() -> None:
    shares = {"zoo": 1.0, "ark": 0.5, "world": 1.0}
    lines = card(RULES, MixParams(sources=shares, max_pairs=700_000, max_test_pairs=None), *SOURCES).splitlines()
    for line in (
        "# Mix `mix1`",
        "**Not for commercial use**: zoo is licensed for non-commercial use only.",
        "Licence unknown, because many data sets share the format: ark. Ask their publishers.",
        "| zoo | hh_rlhf | zoo.jsonl | sha256 ab12 | CC-BY-NC-4.0 (**non-commercial**) | ann, ben |",
        "| ark | standard | ark/pairs (train) | c0ffee | unknown | ann, ben |",
        "| world | world | 1,500 records drawn from the embedded world | seed 7 | none: invented | ann, ben |",
        "| zoo | 1,100 | 1,213 | 9.5 | 3.0 | 2.0 |",
        "| source | share drawn | train | test | unused | contaminated |",
        "|---|---|---|---|---|---|",
        "| zoo | 1.0 | 1,200 | 10 | 0 | 3 |",
        "| ark | 0.5 | 20 | 0 | 7 | 0 |",
        "| all | | 1,250 | 10 | 7 | 3 |",
        "- Small margin: zoo at least 0.5",
        "- Opposite labels in two sources: both are dropped",
        "- At most: 700,000 to train on, all to test on, drawn by hash with seed 7",
        "- zoo: [Zoo](https://zoo.example). A. Keeper (2024). Zoo.",
    ):
        assert line in lines
    assert any(line.startswith("- Near-duplicates: dropped from a Jaccard similarity of 0.8") for line in lines)
    assert any(
        line.endswith("hold 50% of its runs of 8 words; items of fewer than 5 words are not looked for; sets: mt_bench")
        for line in lines
    )


def test_what_does_not_apply_is_said_or_left_out() -> None:
    text = card(BARE, MixParams(sources=None, max_pairs=None, max_test_pairs=None), "world")
    assert "Not for commercial use" not in text
    assert "Licence unknown" not in text
    assert "## References" not in text
    assert "| world | 1.0 | 30 | 0 | 0 |\n| all | | 30 | 0 | 0 |\n" in text
    for line in ("- Small margin: none", "- Near-duplicates: kept", "- Evaluation items: not looked for"):
        assert line in text.splitlines()
