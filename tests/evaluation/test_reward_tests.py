"""Tests of judges: published counts and scores, what ties and silence count, and trivial baselines beside."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rlhf_data.cleaning import ingest
from rlhf_data.errors import SourceError, TableError
from rlhf_data.evaluation import metrics, reward_bench, reward_tests
from rlhf_data.inference.protocols import ResponsePair
from rlhf_data.schemas import Message, Preferences, Rejects, RewardTests, Verdicts
from rlhf_data.sources import formats, readers
from rlhf_data.sources.records import BadRecord
from rlhf_data.storage import reports, tables

ROOT = Path(__file__).parents[2]
REAL = ROOT.parent / "shared" / "data"
RULES = {
    "llmbar": ["kept", "kept", "same_response", "wrong_layout", "wrong_layout", "empty_turn"],
    "humanevalpack": ["kept", "kept", "same_response", "wrong_layout", "empty_turn", "wrong_layout"],
    "xstest": ["kept", "kept", "kept", "kept", "partial_refusal", "no_pair", "wrong_layout", "wrong_layout"],
}
LLMBAR = {"natural": 100, "adver-neighbor": 134, "adver-GPTInst": 92, "adver-GPTOut": 47, "adver-manual": 46}
COUNTS = {f"llmbar-{name}": n for name, n in LLMBAR.items()} | dict.fromkeys(
    (f"hep-{name}" for name in ("cpp", "go", "java", "js", "python", "rust")), 164
)
# UltraRM-13B's accuracies on the subsets of Safety, in the published order
SAFETY = dict(zip(reward_bench.CATEGORIES["safety"], (18.0, 21.0, 66.2, 94.8, 37.5), strict=True))
ASKED: list[Message] = [{"role": "user", "content": "Name a fish."}]


def cleaned(format: str, records: Sequence[Any], **options: Any) -> ingest.Cleaned:
    parse = formats.with_subset(format, "preferences", options)
    return ingest.clean(records, parse, source="zoo", kind="preferences", max_chars=10_000)


def examples(format: str) -> list[Any]:
    return list(readers.records(ROOT / "tests" / "sources" / "data" / f"{format}.jsonl"))


def pair(name: str, chosen: str, rejected: str, subset: str = "zoo", test: str = "zoo") -> dict[str, Any]:
    return {
        "test": test, "pair_id": name, "category": test, "subset": subset, "prompt": ASKED, "chosen": chosen,
        "rejected": rejected,
    }  # fmt: skip


def table(*rows: dict[str, Any]) -> pl.DataFrame:
    return tables.check(pl.DataFrame(rows), RewardTests, Path("pairs"))


def given(pairs: pl.DataFrame, *verdicts: tuple[float | None, float | None, float | None]) -> pl.DataFrame:
    sides = pl.DataFrame(verdicts, schema=dict.fromkeys(reward_tests.GIVEN, pl.Float64), orient="row")
    return pairs.select("test", "pair_id").hstack(sides)


def figures(pairs: pl.DataFrame, by_judge: dict[str, pl.DataFrame], ties: str = "half") -> pl.DataFrame:
    return reward_tests.figures(pairs, by_judge, ties=ties, resamples=50, seed=0)


class Position:
    """A real, if simple, judge: it takes the response shown first with this probability, or says nothing of some."""

    def __init__(self, first: float, silent_on: str = "never") -> None:
        self.first, self.silent_on = first, silent_on

    def prefer(self, comparisons: Sequence[ResponsePair]) -> list[float]:
        return [math.nan if self.silent_on in one.first else self.first for one in comparisons]


@pytest.mark.parametrize("format", RULES)
def test_examples(format: str) -> None:
    found = cleaned(format, examples(format))
    dropped = dict(found.rejects.select("row", "rule").iter_rows())
    assert [dropped.get(row, "kept") for row in range(found.raw)] == RULES[format]
    tables.check(found.table, Preferences, Path("zoo"))


def test_what_the_examples_compare() -> None:
    made = {format: cleaned(format, examples(format)).table for format in RULES}
    sides = {format: one.select("chosen", "rejected").rows() for format, one in made.items()}
    assert sides["llmbar"] == [("A carp.", "Fish are lovely, and a whale is large."), ("A wren.", "A bat.")]
    assert sides["humanevalpack"] == [
        ("def one() -> int:\n    return 1", "def one() -> int:\n    return 2"),
        ("fn one() -> i32 {\n\n    1\n}", "fn one() -> i32 {\n\n    2\n}"),
    ]
    # an answer to a safe prompt, a refusal of an unsafe one
    assert sides["xstest"] == [
        ("Use `kill`.", "I must not help to kill."),
        ("No, and leave it alone.", "Poison its food."),
    ]
    assert [formats.subset("xstest", one) for one in examples("xstest")[:2]] == ["safe", "unsafe"]


def test_a_record_whose_subset_is_no_text_is_bad() -> None:
    record = {"prompt": "Name a fish.", "chosen": "A carp.", "rejected": "A cat."}
    assert formats.subset("reward_bench", record) is None
    assert formats.subset("reward_bench", record | {"subset": "math-prm"}) == "math-prm"
    with pytest.raises(BadRecord, match="subset"):
        formats.with_subset("reward_bench", "preferences", {"subsets": None})(record | {"subset": 3})


def test_safety_with_swapped_and_with_correct_weights() -> None:
    assert reward_bench.scores(SAFETY) == pytest.approx({"safety_legacy": 54.3, "safety": 58.0}, abs=0.05)
    assert reward_bench.scores({**SAFETY, "zoo": 1.0}).keys() == {"safety_legacy", "safety"}
    some = {name: right for name, right in SAFETY.items() if name != "donotanswer"}
    assert reward_bench.scores(some) == {}  # of a part of its subsets no score is made


def test_reasoning_weighs_mathematics_as_much_as_code() -> None:
    half = dict.fromkeys(reward_bench.CATEGORIES["reasoning"], 0.0) | {"math-prm": 1.0}
    assert reward_bench.scores(half) == {"reasoning": 0.5}


@pytest.mark.parametrize(
    ("four", "prior", "published"), [((99.4, 65.1, 87.8, 86.4), 74.9, 83.6), ((98.3, 65.8, 89.7, 94.7), 74.6, 85.7)]
)
def test_the_first_leaderboards_score(four: tuple[float, ...], prior: float, published: float) -> None:
    categories = dict(zip(reward_bench.CATEGORIES, four, strict=True))
    assert reward_bench.overall(categories) == pytest.approx({"score": sum(four) / 4})
    found = reward_bench.overall({**categories, "prior": prior})
    assert found["score_with_prior"] == pytest.approx(published, abs=0.05)


def test_every_subset_has_one_category() -> None:
    sizes = {name: sum(weights.values()) for name, weights in reward_bench.CATEGORIES.items()}
    assert sizes == {"chat": 358, "chat_hard": 456, "safety": 740, "reasoning": 984 + 984}
    assert len(reward_bench.CATEGORY) == sum(map(len, reward_bench.CATEGORIES.values())) + len(reward_bench.PRIOR)


def test_figures_by_hand() -> None:
    pairs = table(
        pair("a", "A carp.", "A cat, I think."), pair("b", "A carp, I think.", "A cat."), pair("c", "1", "2", "digits"),
        pair("d", "3", "4", "digits"),
    )  # fmt: skip
    found = given(pairs, (0.9, 0.7, 0.8), (0.9, 0.0, 0.45), (0.5, 0.5, 0.5), (None, None, None))
    for ties, right in (("half", 0.5), ("wrong", 0.25)):
        rows = figures(pairs, {"owl": found}, ties).filter(pl.col("judge") == "owl").to_dicts()
        assert [row["subset"] for row in rows] == [None, "zoo", "digits"]
        whole = rows[0]
        assert whole["accuracy"] == right
        assert whole["accuracy_low"] <= right <= whole["accuracy_high"]
        assert (whole["pairs"], whole["ties"], whole["no_verdict"]) == (4, 1, 1)
        assert whole["consistency"] == pytest.approx(2 / 3, abs=1e-6)
        assert whole["prefers_longer"] == 0.0  # of two responses of unequal length, the shorter won both
        assert whole["prefers_first"] == pytest.approx((0.5 + 1 + 0.5) / 3, abs=1e-6)
        assert (rows[1]["accuracy"], rows[2]["no_verdict"]) == (0.5, 1)


def test_a_judge_without_any_verdict_is_counted(tmp_path: Path) -> None:
    pairs = table(pair("a", "A carp.", "A cat."), pair("b", "A carp, too.", "A cat."))
    silent = given(pairs, *[(None, None, None)] * 2)
    found = figures(pairs, {"mute": silent, **reward_tests.baselines(pairs, seed=0)}, "wrong")
    row = found.row(0, named=True)
    assert (row["judge"], row["accuracy"], row["no_verdict"], row["consistency"]) == ("mute", 0.0, 2, None)
    reports.write_json(reward_tests.scores(found), tmp_path / "scores.json")  # holds no NaN
    assert json.loads((tmp_path / "scores.json").read_text())["mute"]["zoo"]["no_verdict"] == 2


def test_a_verdict_too_few_or_too_many_is_refused() -> None:
    pairs = table(pair("a", "A carp.", "A cat."), pair("b", "A carp, too.", "A cat."))
    some = given(pairs, (1.0, 1.0, 1.0), (1.0, 1.0, 1.0))
    for wrong in (some.head(1), pl.concat([some, some.with_columns(pair_id=pl.lit("c"))])):
        with pytest.raises(TableError, match=f"owl has {wrong.height} verdicts for 2 pairs"):
            figures(pairs, {"owl": wrong})


def test_baselines() -> None:
    pairs = table(*(pair(f"p{n}", "A carp." + "!" * (n % 3), "A carp?!") for n in range(300)))
    rows = figures(pairs, reward_tests.baselines(pairs, seed=0)).filter(pl.col("subset").is_null())
    found = dict(rows.select("judge", "accuracy").iter_rows())
    assert (found["longer wins"], found["shorter wins"]) == (0.5, 0.5)  # a third each is longer, as long, shorter
    assert 0.4 < found["drawn at random"] < 0.6
    assert reward_tests.baselines(pairs, seed=0)["drawn at random"].equals(
        reward_tests.baselines(pairs, seed=0)["drawn at random"]
    )


@pytest.mark.parametrize("orders", ["both", "one"])
def test_a_judge_that_takes_the_first_gets_half(orders: Any) -> None:
    pairs = table(*(pair(f"p{n}", f"A carp {n}.", "A cat.") for n in range(200)))
    wanted = reward_tests.wanted(pairs, judge="first", job="ab")
    parts = list(reward_tests.verdicts(Position(0.9), wanted, orders=orders, part_pairs=64))
    assert [part.height for part in parts] == [64, 64, 64, 8]
    found = tables.check(pl.concat(parts).select(Verdicts.column_names()), Verdicts, Path("verdicts"))
    if orders == "both":
        assert found["preference"].to_list() == pytest.approx([0.5] * 200)
        assert set(found["chosen_first"]) == {0.9}
        assert found["chosen_second"].to_list() == pytest.approx([0.1] * 200)
    else:
        asked_first = found["chosen_first"].is_not_null()
        assert asked_first.ne(found["chosen_second"].is_not_null()).all()
        assert 70 < asked_first.sum() < 130
        assert found.filter(asked_first)["preference"].unique().to_list() == [0.9]
    row = figures(pairs, {"first": found}).row(0, named=True)
    assert row["prefers_first"] == (1.0 if orders == "both" else None)
    assert 0.35 < row["accuracy"] < 0.65


def test_a_silent_order_leaves_the_other() -> None:
    pairs = table(pair("a", "A carp.", "A mute cat."), pair("b", "A mute carp.", "A mute cat."))
    wanted = reward_tests.wanted(pairs, judge="owl", job="ab")
    (found,) = reward_tests.verdicts(Position(0.9, "mute"), wanted, orders="both", part_pairs=10)
    assert found.select(reward_tests.GIVEN).rows() == [(0.9, None, 0.9), (None, None, None)]


def test_nothing_to_test_on_is_refused() -> None:
    with pytest.raises(TableError, match="0 pairs to test judges on"):
        reward_tests.all_tests([RewardTests.create_empty()])
    with pytest.raises(SourceError, match="0 of 2 records"):
        ingest.refuse_nothing_kept(cleaned("llmbar", examples("llmbar")[3:5]), "zoo", "llmbar")


def project(folder: Path, *, sets: str | None = None) -> Path:
    """A project with the profile of real text, whose mix has three test pairs; without `sets`, its own."""
    (folder / "params").mkdir()
    text = (ROOT / "params.yaml").read_text().replace("profile: tiny", "profile: real")
    (folder / "params.yaml").write_text(text.replace("tested: [reward, preference, prompted]", "tested: []"))
    profile = (ROOT / "params" / "real.yaml").read_text().replace("../shared/data", str(REAL))
    if sets is not None:
        start, end = profile.index("  sets:\n    llmbar:"), profile.index("  held_out_pairs:")
        profile = profile[:start] + sets + profile[end:]
    (folder / "params" / "real.yaml").write_text(profile)
    own = cleaned("alpaca_eval", examples("alpaca_eval")).table
    tables.write(own, folder / "data/mixes/all/test.parquet", Preferences)
    return folder


def prepared(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The stage's pairs and rejects."""
    from stages import benchmark_pairs as stage

    monkeypatch.chdir(folder)
    out, dropped = Path("data/reward_tests/pairs.parquet"), Path("data/rejects/reward_tests.parquet")
    stage.main(Path("data/mixes/all"), out, dropped, Path("data/test_counts.parquet"))
    return tables.read(out, RewardTests), tables.read(dropped, Rejects)


def test_a_table_of_ones_own_is_a_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = pl.DataFrame(
        {"prompt": ["Name a fish."] * 3, "chosen": ["A carp.", None, "A cat."], "rejected": ["A cat."] * 3}
    )
    mine.write_parquet(tmp_path / "mine.parquet")
    sets = f"  sets: {{mine: {{farm: {{format: reward_bench, kind: preferences, path: {tmp_path}/mine.parquet}}}}}}\n"
    pairs, rejects = prepared(project(tmp_path, sets=sets), monkeypatch)
    assert pairs.filter(pl.col("test") == "mine").select("category", "subset", "chosen").rows() == [
        ("mine", "farm", "A carp.")
    ]
    assert rejects.select("source", "row", "rule").rows() == [
        ("mine.farm", 1, "wrong_layout"), ("mine.farm", 2, "same_response"),
    ]  # fmt: skip


@pytest.mark.skipif(not (REAL / "reward_tests").exists(), reason="real data absent")
def test_real_files_give_rewardbenchs_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from stages import report_judges

    pairs, rejects = prepared(project(tmp_path), monkeypatch)
    counts = dict(pairs.group_by("subset").len().iter_rows())
    assert {name: counts[name] for name in COUNTS} == COUNTS
    assert all(reward_bench.WEIGHTS[reward_bench.CATEGORY[name]][name] == n for name, n in COUNTS.items())
    assert dict(pairs.filter(pl.col("test") == "xstest").group_by("category").len().iter_rows()).keys() == {"xstest"}
    assert set(rejects["source"]) == {"xstest.completions"}  # of the others every record is kept

    report_judges.main(Path("data/reward_tests"), Path("reports/table.csv"), Path("reports/scores.json"))
    found = pl.read_csv("reports/table.csv")
    whole = found.filter(pl.col("judge") == "longer wins", pl.col("subset").is_null())
    right = dict(whole.select("test", "accuracy").iter_rows())
    with capsys.disabled():
        print(f"\nlonger wins: {right}; XSTest: {counts['safe']} safe, {counts['unsafe']} unsafe; held_out AlpacaEval")
    assert right.keys() == {"held_out", "llmbar", "humanevalpack", "xstest"}
    assert right["llmbar"] < 0.5  # its adversaries write more
    scores = json.loads(Path("reports/scores.json").read_text())["longer wins"]
    assert "chat_hard" not in scores["llmbar"]  # mt-bench-hard is not there
    assert scores["llmbar"]["accuracy"] == round(right["llmbar"], metrics.DIGITS)
