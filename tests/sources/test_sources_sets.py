"""The paper's data sets: invented records in their exact formats, and the rows or the rule that each must give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import TypeAdapter

from rlhf_data.cleaning import ingest
from rlhf_data.params.sources import Source
from rlhf_data.schemas import Message
from rlhf_data.sources import formats, readers
from rlhf_data.sources.records import BadRecord, Comparison, Conversation, Prompt, Response

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "tests" / "sources" / "data"
GPT4 = "gpt-4"


def said(*turns: str) -> list[Message]:
    """Turns of user and assistant, the user's first."""
    return [{"role": "user" if n % 2 == 0 else "assistant", "content": text} for n, text in enumerate(turns)]


def told(system: str, *turns: str) -> list[Message]:
    return [{"role": "system", "content": system}, *said(*turns)]


def options(format: str, kind: str, **given: Any) -> dict[str, Any]:
    """A source's options as params give them, the defaults included."""
    values = {"format": format, "kind": kind, "path": "a.jsonl"} | given
    return vars(TypeAdapter[Source](Source).validate_python(values)) | {"seed": 7}


CRUMBLE, POST, FISH = said("Why is my crumble soggy?"), said("May I read his post?"), said("Name a fish.")
ASK, KETTLE = "Ask him.", "Hold it over a kettle."
ENTROPY = said("What is entropy?", "Disorder.", "An example?")
CAT, BYE = said("Name a grey cat."), said("Hi.", "Hello!", "Bye.")
PRODUCT = said("What is 17*23?", "print(17*24)", "Out: 408. Wrong.")
DOG = (
    "Summarize the following Reddit post.\n\nSUBREDDIT: r/dogs\nTITLE: Dog barks at lift\nPOST: My dog barks.\n\nTL;DR:"
)
RAIN = "Summarize the following news article.\n\nTITLE: Rain\nARTICLE: It rained.\n\nTL;DR:"
COOL = said("Cool a greenhouse.")
ANSWERS = {
    "prompt": "task.question",
    "system": "task.how",
    "chosen": "answers.0.text",
    "rejected": "answers.1.text",
    "chosen_score": "answers.0.stars",
    "rejected_score": "answers.1.stars",
}


def fine(prompt: str, *rows: tuple[str, str, float | None, float | None]) -> list[Comparison]:
    return [Comparison(said(prompt), *row, GPT4) for row in rows]


def code(prompt: str, *rows: tuple[str, str, float | None, float | None]) -> list[Comparison]:
    return [Comparison(said(prompt), *row, "gpt-3.5") for row in rows]


SHP = [
    [Comparison(CRUMBLE, "Less juice.", "Hotter oven.", 31, 6)],
    [Comparison(CRUMBLE, "Bake it longer.", "Eat it.", 30, 10)],
    "low_ratio",  # 10 to 5 is not above 2
    "low_ratio",
    "wrong_label",
    "not_a_ratio",
    "wrong_layout",
    "wrong_layout",
]
PKU = [
    [Comparison(POST, ASK, KETTLE)],
    [Comparison(POST, ASK, KETTLE)],
    [Comparison(POST, KETTLE, ASK)],
    [Comparison(POST, KETTLE, ASK)],  # though the other is the safe one
    "wrong_layout",
    "wrong_layout",
    [Comparison(POST, ASK, ASK)],  # `filters` drops it
]
ULTRAFEEDBACK = [
    fine("Cool a greenhouse.", ("Shade it.", "Use ice.", 4.75, 2.0), ("Open it.", "Use ice.", 4.75, 2.0)),
    fine("Name a fish.", ("A carp.", "A whale.", 4, 1), ("A carp.", "A cod.", 4, 3), ("A cod.", "A whale.", 3, 1)),
    "tie",
    "no_pair",  # one of three is rated
    fine("Is glass a liquid?", ("No.", "Yes.", 5, 1)),
    "wrong_layout",
]
CODE = [
    code("Reverse a list.", ("def f(): ...", "f=...", 5, 2)),
    code("Sort a list.", ("f=...", "lambda: ...", 4, 3)),
    code("Add two.", ("def f(): ...", "f=...", 4, 3)),
    "tie",
    "no_pair",
    "repeated_model",
    "wrong_layout",
]
ULTRAINTERACT = [
    [Comparison(PRODUCT, "Step 1\nprint(17*23)", "Step 1\nprint(17*22)", annotator=GPT4)],
    [Comparison(PRODUCT[:1], "By hand.\n391", "By head.\n391", annotator=GPT4)],
    [Comparison(PRODUCT[:2], "a", "b", annotator=GPT4)],  # ends with the assistant: `filters` drops it
    "wrong_layout",
    "wrong_layout",
    [Comparison(PRODUCT[:1], "a", "a", annotator=GPT4)],
]
ORCA = [
    fine("Be brief.\n\nIs a whale a fish?", ("No.", "Yes.", 9, 2)),
    fine("Is ice cold?", ("Yes.", "No.", 9, 6)),
    "tie",
    "unrated",
    fine("Low?", ("Yes.", "No.", 4, 1)),
    "wrong_layout",
]
CAPYBARA = [
    [Comparison(ENTROPY, "Melting ice.", "Entropy.", 5, 3, GPT4)],
    fine("Hi.", ("Hello!", "No.", 4, 4)),
    "different_history",
    "different_turns",
    "empty_turn",
    "unrated",
    "wrong_layout",
]
NECTAR = [
    fine("Name a grey cat.", ("Ash.", "Cat.", -1, -3)),
    [Comparison(BYE, "Goodbye!", "No.", -1, -3, GPT4)],  # one answer holds a speaker's tag
    "no_pair",
    "tie",
    "wrong_layout",
    fine("Name a grey cat.", ("Ash.", "Ash.", -1, -2)),  # `filters` drops it
    "wrong_layout",
]
BENCH = [
    [Comparison(said("Name a colour."), "Red.", "Brown.", annotator="benchmark")],
    [Comparison(said("2+2?"), "4", "5", annotator="benchmark")],
    [Comparison(BYE, "Goodbye!", "No.", annotator="benchmark")],
    "wrong_layout",
]
SUMMARIES = [
    [Comparison(said(DOG), "dog barks", "i have a dog.")],
    [Comparison(said(RAIN), "rain", "sun")],
    "wrong_layout",
    "wrong_layout",
    "wrong_layout",
]
MATH = [
    fine("Area of a circle of radius 3?", ("9*pi", "6*pi", 9, 6)),
    fine("2+2?", ("4", "5", 8, 8)),
    "unrated",
    fine("", ("1", "2", 2, 1)),  # `filters` drops it
    "wrong_layout",
]


def changed(rows: list[Any], **at: Any) -> list[Any]:
    """`rows` with those at some places, named r<place>, changed."""
    return [at.get(f"r{place}", row) for place, row in enumerate(rows)]


# format, kind, options; per record, in the example file's order: its rows, or the rule that drops it
EXPECTED: list[tuple[str, str, dict[str, Any], list[Any]]] = [
    ("shp", "preferences", {"min_ratio": 2}, SHP),
    (
        "shp",
        "preferences",
        {"min_ratio": 2, "ratio": "at_least"},
        changed(SHP, r2=[Comparison(said("Why?"), "Because.", "Why not?", 10, 5)]),
    ),
    ("shp", "prompts", {"min_ratio": 2}, [[Prompt(CRUMBLE)]] * 2 + [[Prompt(said("Why?"))]] * 6),
    ("pku_safe_rlhf", "preferences", {}, PKU),
    (
        "pku_safe_rlhf",
        "preferences",
        {"label": "better"},
        changed(PKU, r0=PKU[2], r4="wrong_layout"),
    ),
    ("pku_safe_rlhf", "preferences", {"label": "consistent"}, changed(PKU, r0="labels_disagree")),
    ("pku_safe_rlhf", "preferences", {"safety": "some_safe"}, changed(PKU, r2="none_safe")),
    (
        "pku_safe_rlhf",
        "preferences",
        {"safety": "differing", "drop_wrong_labels": True},
        changed(PKU, r1="same_safety", r2="same_safety", r3="wrong_label", r6="same_safety"),
    ),
    ("ultrafeedback", "preferences", {}, ULTRAFEEDBACK),
    ("ultrafeedback", "preferences", {"score": "ratings"}, ULTRAFEEDBACK),
    (
        "ultrafeedback",
        "preferences",
        {"score": "overall"},
        [
            fine(
                "Cool a greenhouse.",
                ("Use ice.", "Shade it.", 10, 3),
                ("Open it.", "Shade it.", 7, 3),
                ("Use ice.", "Open it.", 10, 7),
            ),
            fine(
                "Name a fish.", ("A carp.", "A whale.", 5, 2), ("A carp.", "A cod.", 5, 4), ("A cod.", "A whale.", 4, 2)
            ),
            "tie",
            "no_pair",
            fine("Is glass a liquid?", ("No.", "Yes.", 9, 1)),
            "wrong_layout",
        ],
    ),
    (
        "ultrafeedback",
        "preferences",
        {"compat": True, "drop_truthfulqa": True},
        changed(ULTRAFEEDBACK, r1=fine("Name a fish.", ("A cod.", "A whale.", 3, 1)), r4="truthfulqa"),
    ),
    (
        "ultrafeedback",
        "prompts",
        {"drop_truthfulqa": True},
        [
            *([Prompt(one)] for one in (COOL, FISH, said("Tie."), said("Unrated."))),
            "truthfulqa",
            [Prompt(said("None."))],
        ],
    ),
    ("code_ultrafeedback", "preferences", {}, CODE),
    (
        "code_ultrafeedback",
        "preferences",
        {"compat": True},
        [
            CODE[0],
            code(
                "Sort a list.",
                ("def f(): ...", "f=...", None, 4),  # "N/A" is more than "4"
                ("def f(): ...", "lambda: ...", None, 3),
                ("f=...", "lambda: ...", 4, 3),
            ),
            "unrated",
            "tie",
            [],
            code("Twice.", ("def f(): ...", "f=...", 5, 2)),
            "wrong_layout",
        ],
    ),
    ("ultrainteract", "preferences", {}, ULTRAINTERACT),
    (
        "ultrainteract",
        "preferences",
        {"drop_same_answer": True, "tasks": ["Math_PoT", "Math_CoT"]},
        changed(ULTRAINTERACT, r1="same_answer", r5="other_task"),
    ),
    (
        "ultrainteract",
        "prompts",
        {},
        [[Prompt(PRODUCT)], [Prompt(PRODUCT[:1])], [Prompt(PRODUCT[:2])], "wrong_layout", *[[Prompt(PRODUCT[:1])]] * 2],
    ),
    ("argilla_math", "preferences", {}, MATH),
    ("argilla_math", "preferences", {"drop_ties": True}, changed(MATH, r1="tie")),
    ("distilabel_orca", "preferences", {}, ORCA),
    (
        "distilabel_orca",
        "preferences",
        {"system": "message", "drop_gsm8k": True, "min_chosen_score": 8},
        changed(
            ORCA,
            r0=[Comparison(told("Be brief.", "Is a whale a fish?"), "No.", "Yes.", 9, 2, GPT4)],
            r1="gsm8k",
            r4="low_score",
        ),
    ),
    (
        "distilabel_orca",
        "preferences",
        {"system": "drop"},
        changed(ORCA, r0=fine("Is a whale a fish?", ("No.", "Yes.", 9, 2))),
    ),
    ("capybara", "preferences", {}, CAPYBARA),
    ("capybara", "preferences", {"drop_ties": True}, changed(CAPYBARA, r1="tie")),
    ("summarize_from_feedback", "preferences", {}, SUMMARIES),
    (
        "summarize_from_feedback",
        "preferences",
        {"prompt": "raw", "splits": ["valid2"]},
        ["other_split", [Comparison(said("It rained."), "rain", "sun")], *["other_split"] * 3],
    ),
    ("nectar", "preferences", {}, NECTAR),
    (
        "nectar",
        "preferences",
        {"pairing": "all"},
        changed(
            NECTAR,
            r0=fine("Name a grey cat.", ("Ash.", "Cat.", -1, -3), ("Grey.", "Cat.", -2, -3), ("Ash.", "Grey.", -1, -2)),
        ),
    ),
    (
        "standard",
        "preferences",
        {},
        [
            [Comparison(said("Hi."), "Hello!", "No.", 4.5, None)],
            [Comparison(ENTROPY, "Melting ice.", "Entropy.", None, 4.0)],
            "different_history",
            "odd_length",
            [Comparison(said("Hi."), "Hello!", "No.", 1.0, 0.0)],
        ],
    ),
    (
        "helpsteer3",
        "preferences",
        {},
        [
            [Comparison(FISH, "A carp.", "A whale.")],
            [Comparison(BYE, "Goodbye!", "Hm.")],
            "tie",
            "wrong_layout",
            "wrong_layout",
        ],
    ),
    (
        "chatbot_arena",
        "preferences",
        {},
        [
            [Comparison(FISH, "A carp.", "A whale.")],
            [Comparison(said("Name a bird."), "A wren.", "A bat.")],
            "tie",
            [Comparison(said("Name a star.", "Vega.", "Another?"), "Rigel.", "Mars.")],
            "tie",
            "wrong_layout",
            "unknown_label",
            "different_history",
        ],
    ),
    (
        "auto_j",
        "preferences",
        {},
        [
            [Comparison(FISH, "A carp.", "A whale.")],
            [Comparison(said("Name a bird."), "A wren.", "A bat.")],
            "tie",
            "unknown_label",
        ],
    ),
    (
        "judge_bench",
        "preferences",
        {},
        [
            [Comparison(said("2+2?"), "4", "5", annotator="benchmark")],
            [Comparison(said("Name a bird."), "A wren.", "A bat.", annotator="benchmark")],
            "tie",
            "wrong_layout",
        ],
    ),
    (
        "rm_bench",
        "preferences",
        {},
        [
            [
                Comparison(said("2+2?"), right, wrong, annotator="benchmark")
                for right in ("4", "It is 4.")
                for wrong in ("5", "It is 5.")
            ],
            [Comparison(FISH, "A carp.", wrong, annotator="benchmark") for wrong in ("A whale.", "Tea.", "A bat.")],
            "wrong_layout",
        ],
    ),
    (
        "reward_bench_2",
        "preferences",
        {},
        [
            [Comparison(said("2+2?"), "4", wrong, annotator="benchmark") for wrong in ("5", "22", "3")],
            [Comparison(FISH, right, "A whale.", annotator="benchmark") for right in ("A carp.", "A pike.")],
            "wrong_layout",
        ],
    ),
    (
        "skywork_preference",
        "preferences",
        {},
        [[Comparison(FISH, "A carp.", "A whale.")], "wrong_layout"],
    ),
    (
        "dolci_dpo",
        "preferences",
        {},
        [[Comparison(FISH, "A carp.", "A whale.")], [Comparison(BYE, "Goodbye!", "Hm.")], "different_turns"],
    ),
    (
        "ultrafeedback_binarized",
        "preferences",
        {},
        [
            [Comparison(FISH, "A carp.", "A whale.", 8.5, 3.0)],
            [Comparison(FISH, "A carp.", "A whale.", None, 3.0)],
            "different_turns",
        ],
    ),
    (
        "dolci_sft",
        "instructions",
        {},
        [
            [Conversation([*FISH, {"role": "assistant", "content": "A carp."}])],
            [Conversation(told("Be brief.", "Hi.", "Hello!", "Bye.", "Goodbye!"))],
            "unknown_role",
        ],
    ),
    ("reward_bench", "preferences", {}, BENCH),
    (
        "reward_bench",
        "preferences",
        {"subsets": ["math-prm"]},
        changed(BENCH, r0="other_subset", r2="other_subset", r3="other_subset"),
    ),
    (
        "alpaca_eval",
        "preferences",
        {},
        [
            [Comparison(FISH, "A carp.", "A whale.", 0.75, 0.25, "weighted_alpaca_eval_gpt4_turbo")],
            [Comparison(said("Name a bird."), "A wren.", "A bat.", 1.0, 0.0, GPT4)],
            "tie",
            "tie",
            "unrated",
            "wrong_layout",
            [Comparison(said("Empty?"), "b", "", 1.0, 0.0, "weighted_alpaca_eval_gpt4_turbo")],
        ],
    ),
    (
        "conversations",
        "instructions",
        {},
        [
            [Conversation(told("Be concise.", "2+2?", "4"))],
            [Conversation(said("2+2?", "4", "3+3?"))],
            [Conversation([{"role": "assistant", "content": "4"}])],
            "unknown_role",
            "wrong_layout",
        ],
    ),
    (
        "conversations",
        "prompts",
        {},
        [
            [Prompt(told("Be concise.", "2+2?"))],
            [Prompt(said("2+2?", "4", "3+3?"))],
            [Prompt([])],
            "unknown_role",
            "wrong_layout",
        ],
    ),
    (
        "orca_math",
        "instructions",
        {},
        [[Conversation(said("Ann has 3 boxes of 4 pens. How many pens?", "3 << 4? 3 times 4 is 12."))]]
        + ["wrong_layout"] * 2,
    ),
    ("dibt", "prompts", {}, [[Prompt(said("Plan a trip to a lake."))], "wrong_layout"]),
    (
        "context_messages",
        "prompts",
        {},
        [[Prompt(said("Plan a two-day trip to a lake."))], [Prompt(BYE)], "wrong_layout", "wrong_layout"],
    ),
    (
        "custom",
        "preferences",
        ANSWERS | {"annotator": "me"},
        [
            [Comparison(told("Be brief.", "Name a fish."), "A carp.", "A whale.", 5, 1, "me")],
            [Comparison(BYE, "Goodbye!", "No.", annotator="me")],
            [Comparison(BYE, "Goodbye!", "No.", 2, None, "me")],
            "wrong_layout",
            "different_history",
            "wrong_layout",
        ],
    ),
    (
        "custom",
        "preferences",
        {"prompt": "task.question", "response": "answers.0.text", "score": "answers.0.stars"},
        [
            [Response(FISH, "A carp.", 5, "unknown")],
            "wrong_layout",
            [Response(BYE, "Goodbye!", 2, "unknown")],
            "wrong_layout",
            "wrong_layout",
            "wrong_layout",
        ],
    ),
    (
        "custom",
        "instructions",
        {"prompt": "task.question", "response": "answers.0.text"},
        [
            [Conversation(said("Name a fish.", "A carp."))],
            [Conversation([*BYE, {"role": "assistant", "content": "Goodbye!"}])],
            [Conversation([*BYE, {"role": "assistant", "content": "Goodbye!"}])],
            [Conversation(said("Name a bird.", "A wren."))],
            "different_history",
            "wrong_layout",
        ],
    ),
    (
        "custom",
        "prompts",
        {"messages": "task.question"},
        [*([Prompt(one)] for one in (FISH, BYE, BYE, said("Name a bird."), said("Hi."))), "wrong_layout"],
    ),
]


@pytest.mark.parametrize(("format", "kind", "given", "expected"), EXPECTED)
def test_examples(format: str, kind: str, given: dict[str, Any], expected: list[Any]) -> None:
    parse = formats.parser(format, kind, options(format, kind, **given))
    found: list[Any] = []
    for record in readers.records(EXAMPLES / f"{format}.jsonl"):
        try:
            found.append(parse(record))
        except BadRecord as bad:
            found.append(bad.rule)
    assert found == expected


@pytest.mark.parametrize("score", ["helpfulness_correctness", "helpfulness", "all"])
def test_helpsteer_scores(score: str) -> None:
    parse = formats.parser("helpsteer", "preferences", options("helpsteer", "preferences", score=score))
    first = next(iter(readers.records(EXAMPLES / "helpsteer.jsonl")))
    mean = {"helpfulness_correctness": 3.5, "helpfulness": 4.0, "all": 2.6}[score]
    assert parse(first) == [Response(FISH, "A carp.", mean)]


def cleaned(format: str, **given: Any) -> ingest.Cleaned:
    parse = formats.parser(format, "preferences", options(format, "preferences", **given))
    records = readers.records(EXAMPLES / f"{format}.jsonl")
    return ingest.clean(records, parse, source="zoo", kind="preferences", max_chars=10_000)


def test_responses_of_one_record_each_are_paired_whenever_they_come() -> None:
    found = cleaned("helpsteer")
    assert found.table.select("row", "chosen", "rejected", "margin").rows() == [
        (0, "A carp.", "A whale.", 3.0),
        (3, "A perch.", "A whale.", 3.0),
        (1, "A wren.", "A bee.", 3.5),  # true and 0, whose mean is 0.5
        (3, "A perch.", "A carp.", 3.5),  # record 8 has the text of record 0 with a score of 0
    ]
    assert found.rejects.select("row", "rule").rows() == [
        *((4, "no_pair"), (5, "wrong_layout"), (7, "empty_turn")),
        (9, "wrong_layout"),
    ]
    assert (found.raw, found.kept) == (10, 6)
    assert '"Name a tree."' in found.rejects["raw"][0]


@pytest.mark.parametrize("pairing", ["best_random", "top4_random"])
def test_nectar_draws_by_the_seed_and_the_prompt(pairing: str) -> None:
    texts = [f"answer {rank}" for rank in range(1, 8)]
    answers = [{"answer": text, "model": "m", "rank": float(rank)} for rank, text in enumerate(texts, start=1)]

    def drawn(seed: int) -> list[tuple[str, str]]:
        parse = formats.parser("nectar", "preferences", {"pairing": pairing, "seed": seed})
        rows = [parse({"prompt": f"\n\nHuman: {n}?\n\nAssistant: ", "answers": answers})[0] for n in range(300)]
        return [(row.chosen, row.rejected) for row in rows if isinstance(row, Comparison)]

    assert drawn(1) == drawn(1) != drawn(2)
    chosen = {one for one, _ in drawn(1)}
    assert chosen == (set(texts[:4]) if pairing == "top4_random" else {texts[0]})
    assert {worse for _, worse in drawn(1)} == set(texts[1:])
    assert all(better < worse for better, worse in drawn(1))


def posts(number: int, comments: int) -> list[dict[str, Any]]:
    return [
        {"history": f"Post {post}?", "human_ref_A": f"Good {one}.", "human_ref_B": f"Bad {one}.", "labels": 1}
        | {"score_A": 10 + one, "score_B": 1}
        for one in range(comments)
        for post in range(number)
    ]


@pytest.mark.parametrize("pick", ["sampled", "first"])
def test_pairs_per_prompt(pick: str) -> None:
    parse = formats.parser("shp", "preferences", {"min_ratio": 2, "ratio": "above"})
    whole = ingest.clean(posts(40, 8), parse, source="shp", kind="preferences", max_chars=1000)
    found = ingest.capped(whole, most=5, pick=pick, seed=3)
    assert (found.raw, found.kept) == (320, 200)
    assert set(found.table.group_by("prompt_id").len()["len"]) == {5}
    assert found.rejects["rule"].to_list() == ["pairs_per_prompt"] * 120
    assert pl.concat([found.table["row"], found.rejects["row"]]).sort().to_list() == list(range(320))
    assert set(found.table["row"]) == set(range(200)) if pick == "first" else found.table["row"].max() > 300  # type: ignore[operator]
    assert found.table.equals(ingest.capped(whole, most=5, pick=pick, seed=3).table)
    assert (pick == "first") == found.table.equals(ingest.capped(whole, most=5, pick=pick, seed=4).table)
    shuffled = ingest.clean(posts(40, 8)[::-1], parse, source="shp", kind="preferences", max_chars=1000)
    again = ingest.capped(shuffled, most=5, pick=pick, seed=3).table
    assert (pick == "sampled") == (set(again["pair_id"]) == set(found.table["pair_id"]))


def test_votes_on_the_same_summaries_that_agree_or_not_are_dropped_by_name() -> None:
    record = next(iter(readers.records(EXAMPLES / "summarize_from_feedback.jsonl")))
    parse = formats.parser("summarize_from_feedback", "preferences", {"prompt": "raw", "splits": None})
    votes = [record, {**record, "worker": "w2"}, {**record, "worker": "w3", "choice": 1}]  # type: ignore[dict-item]
    found = ingest.clean(votes, parse, source="zoo", kind="preferences", max_chars=10_000)
    assert found.rejects["rule"].to_list() == ["duplicate", "conflicting_label"]


TABLE5 = {
    "hh_rlhf": (115_092, 160.4, 82.2, 73.6, 115_396),
    "shp": (31_003, 186.2, 173.6, 88.8, 93_301),
    "helpsteer": (8_592, 530, 116.4, 89.3, 37_131),
    "pku_safe_rlhf": (6_975, 21.5, 70.4, 74.6, 26_874),
    "ultrafeedback": (63_591, 161.5, 279.5, 211.1, 340_025),
    "ultrainteract": (76_086, 507.4, 396.6, 416.7, 161_927),
    "code_ultrafeedback": (9_938, 172.8, 427.6, 400.6, 50_156),
    "argilla_math": (2_352, 36.5, 276.5, 265.3, 2_418),
    "distilabel_orca": (6_791, 153.3, 165.4, 260.5, 6_926),
    "capybara": (14_740, 634.5, 348.4, 401.9, 14_811),
}


@pytest.mark.parametrize(("format", "figures"), TABLE5.items())
def test_the_sets_know_the_paper_s_table_5(format: str, figures: tuple[float, ...]) -> None:
    about = formats.about(format)
    assert about is not None
    one = about.expected
    assert [one.prompts, one.prompt_tokens, one.chosen_tokens, one.rejected_tokens, one.pairs] == list(figures)
    assert "" not in (about.title, about.licence, about.citation)
    assert about.url.startswith("https://")
    assert about.non_commercial is (format == "pku_safe_rlhf")


def test_a_shared_layout_is_nobody_s() -> None:
    assert [formats.about(format) for format in ("messages", "conversations", "standard", "custom")] == [None] * 4


def alpaca_eval(folder: Path) -> pl.DataFrame:
    """The annotations with their texts, as AlpacaEval's own files have them."""
    annotations = pl.read_parquet(folder / "annotations.parquet")
    written = pl.read_parquet(folder / "generations_annotated_models.parquet")
    seldom = pl.read_parquet(folder / "annotation_only_outputs.parquet")
    for side in ("1", "2"):
        generator, digest = f"generator_{side}", f"output_{side}_sha1_12"
        annotations = (
            annotations.join(
                written.select("instruction", pl.col("generator").alias(generator), usual="output"),
                on=["instruction", generator],
                how="left",
                maintain_order="left",
            )
            .join(
                seldom.select(
                    "instruction",
                    pl.col("generator").alias(generator),
                    pl.col("output_sha1_12").alias(digest),
                    rare="output",
                ),
                on=["instruction", generator, digest],
                how="left",
                maintain_order="left",
            )
            .with_columns(
                pl.when(f"output_{side}_in_generations").then("usual").otherwise("rare").alias(f"output_{side}")
            )
            .drop("usual", "rare")
        )
    return annotations


def test_real_alpaca_eval_annotations_add_up() -> None:
    folder = ROOT.parent / "shared" / "data" / "generations" / "alpaca_eval_noncommercial"
    if not folder.is_dir():
        pytest.skip(f"real data absent: {folder}")
    joined = alpaca_eval(folder)
    assert joined.height == 108_665
    assert joined["output_1"].null_count() == joined["output_2"].null_count() == 0
    some = joined.filter(pl.int_range(pl.len()) % 20 == 0, pl.col("preference").is_not_null())
    some = pl.concat([some, joined.filter(pl.col("preference").is_null())])
    parse = formats.parser("alpaca_eval", "preferences")
    found = ingest.clean(some.iter_rows(named=True), parse, source="zoo", kind="preferences", max_chars=100_000)
    rules = dict(found.rejects["rule"].value_counts().iter_rows())
    assert found.raw == some.height == found.kept + found.rejects.height
    assert rules["unrated"] == 64
    assert rules["tie"] == some["preference"].is_in([0.0, 1.5]).sum() > 0
