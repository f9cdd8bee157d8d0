"""Stages called on bad input: a clear error, and nothing half-written."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from ruamel.yaml import YAML

from rlhf_data import params
from rlhf_data.errors import ParamsError, RlhfDataError, SourceError, TableError
from rlhf_data.schemas import History, MixRejects, Preferences
from rlhf_data.sources import readers
from rlhf_data.storage import tables
from stages import (
    benchmark_pairs,
    evaluate,
    ingest,
    lengths,
    mix,
    offline_history,
    pair,
    prompts,
    report_cleaning,
    report_mixes,
    table5,
)

ROOT = Path(__file__).parents[2]
OUTPUTS = {
    "preferences": Path("data/preferences"),
    "instructions": Path("data/instructions/train.parquet"),
    "pool": Path("data/prompt_pool.parquet"),
    "extras": Path("data/extras.parquet"),
    "rejects": Path("data/rejects/ingest.parquet"),
    "counts": Path("data/counts.parquet"),
}


def change(project: Path, section: str, **values: Any) -> None:
    yaml = YAML()
    path = project / "params" / "tiny.yaml"
    profile = yaml.load(path)
    profile[section].update(values)
    yaml.dump(profile, path)


def world(kind: str, rows: int) -> dict[str, Any]:
    return {"format": "world", "kind": kind, "rows": rows}


WORLD = {"pairs": world("preferences", 20), "chats": world("instructions", 20), "questions": world("prompts", 200)}
GOOD = b'{"chosen": "\\n\\nHuman: Hi.\\n\\nAssistant: Hello!", "rejected": "\\n\\nHuman: Hi.\\n\\nAssistant: What?"}\n'
UNPAIRED = b'{"messages": [{"role": "user", "content": "Hi."}], "label": true}\n'


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("absent.jsonl", None, "absent"),
        ("empty.jsonl", b"", "no records"),
        ("cut.jsonl.gz", gzip.compress(GOOD * 500)[:-40], "cut"),
        ("words.jsonl", b"once upon a time\n", "not JSON"),
        ("unpaired.jsonl", UNPAIRED * 3, "0 of 3 records"),
    ],
)
def test_a_bad_source_stops_ingest_before_anything_is_written(
    project: Path, name: str, content: bytes | None, said: str
) -> None:
    if content is not None:
        (project / name).write_bytes(content)
    change(project, "ingest", sources={**WORLD, "bad": {"format": "hh_rlhf", "kind": "preferences", "path": name}})

    with pytest.raises(SourceError, match=said) as error:
        ingest.main(**OUTPUTS)

    assert "bad" in str(error.value) or name in str(error.value)
    assert not (project / "data").exists()


def test_a_changed_file_is_not_the_pinned_one(project: Path) -> None:
    (project / "pairs.jsonl").write_bytes(GOOD)
    source = {"format": "hh_rlhf", "kind": "preferences", "path": "pairs.jsonl", "sha256": "0" * 64}
    change(project, "ingest", sources={**WORLD, "pinned": source})

    with pytest.raises(SourceError, match="not the file that was pinned"):
        ingest.main(**OUTPUTS)


@pytest.mark.parametrize(
    ("section", "values", "said"),
    [
        ("pair", {"length_penalty": -0.1}, "pair.length_penalty"),
        ("generate", {"samples": 1}, "generate.samples"),
        ("pair", {"lenght_penalty": 0.1}, "pair.lenght_penalty"),
        ("ingest", {"sources": {"pairs": world("preferences", 20)}}, "no source of kind prompts"),
    ],
)
def test_a_bad_parameter_stops_a_stage_before_it_reads(
    project: Path, section: str, values: dict[str, Any], said: str
) -> None:
    change(project, section, **values)

    with pytest.raises(ParamsError, match=said):
        pair.main(pair.Paths(*(project / "nowhere" for _ in range(7))))


def test_a_missing_table_says_how_to_make_it(project: Path) -> None:
    with pytest.raises(TableError, match="dvc repro"):
        prompts.main(project / "pool.parquet", project / "tokenizer", project / "prompts", project / "dropped.parquet")


def test_an_absent_checkpoint_says_how_to_make_it(project: Path, tokenizer_dir: Path) -> None:
    change(project, "prompts", dev=2, test=2)
    change(project, "ingest", sources=WORLD)
    ingest.main(**OUTPUTS)
    prompts.main(OUTPUTS["pool"], tokenizer_dir, Path("data/prompts"), Path("data/rejects/prompts.parquet"))

    with pytest.raises(RlhfDataError, match="dvc repro"):
        evaluate.main(
            Path("data/prompts"),
            Path("data/models/iter0"),
            Path("data/models/reward"),
            Path("data/evaluations.parquet"),
        )

    assert not Path("data/evaluations.parquet").exists()


def test_a_prompt_longer_than_allowed_is_rejected_on_the_record(project: Path, tokenizer_dir: Path) -> None:
    change(project, "ingest", sources=WORLD)
    change(project, "prompts", max_tokens=12)
    ingest.main(**OUTPUTS)

    prompts.main(OUTPUTS["pool"], tokenizer_dir, Path("data/prompts"), Path("data/rejects/prompts.parquet"))

    from rlhf_data.schemas import Prompts, Rejects
    from rlhf_data.storage import tables

    dropped = tables.read(Path("data/rejects/prompts.parquet"), Rejects)
    kept = tables.read(Path("data/prompts"), Prompts)
    assert dropped["rule"].unique().to_list() == ["prompt_too_long"]
    assert dropped.height + kept.height == 200
    assert kept["prompt_tokens"].max() == params.load().prompts.max_tokens


ITEM = "Compose an engaging travel blog post about a recent trip to an island, with its food and its people."
MT_BENCH = ROOT.parent / "shared" / "data" / "evaluation" / "mt_bench" / "question.jsonl.gz"


@pytest.mark.parametrize("real", [False, pytest.param(True, marks=pytest.mark.skipif(
    not MT_BENCH.exists(), reason="the real MT-Bench is not there"))])  # fmt: skip
def test_a_planted_evaluation_prompt_is_found_reported_and_removed(
    project: Path, tokenizer_dir: Path, real: bool
) -> None:
    questions = list(readers.records(MT_BENCH)) if real else [{"turns": [ITEM, "Now in verse."]}]
    assert isinstance(questions[0], dict)
    planted = "  " + str(questions[0]["turns"][0]).lower().replace(" ", "  ")
    (project / "questions.jsonl").write_text("".join(f"{json.dumps(question)}\n" for question in questions))
    pairs = [(planted, "Aloha.", "No."), ("Name a fish.", "A carp.", "A cat.")]
    (project / "pairs.jsonl").write_text(
        "".join(f"{json.dumps({'chosen': dialogue(a, b), 'rejected': dialogue(a, c)})}\n" for a, b, c in pairs)
    )
    (project / "asked.jsonl").write_text("".join(f"{json.dumps({'prompt': asked})}\n" for asked, _, _ in pairs))
    mine = {"format": "hh_rlhf", "kind": "preferences", "path": "pairs.jsonl"}
    asked = {"format": "single_prompt", "kind": "prompts", "path": "asked.jsonl"}
    told = {"format": "prompt_completion", "kind": "instructions", "path": "told.jsonl"}
    (project / "told.jsonl").write_text(
        "".join(f"{json.dumps({'prompt': asked, 'completion': good})}\n" for asked, good, _ in pairs)
    )
    change(project, "ingest", sources={**WORLD, "mine": mine, "asked": asked, "told": told})
    sets = {"mt_bench": {"path": "questions.jsonl", "field": "turns"}}
    change(project, "benchmark_pairs", sets={"own": {"pairs": mine}})
    section = {"root": ".", "words": 8, "overlap": 0.5, "instructions": True, "sets": sets}
    change(project, "clean", contamination=section)
    data, reports = project / "data", project / "reports"

    ingest.main(**OUTPUTS)
    lengths.main(OUTPUTS["preferences"], tokenizer_dir, data / "lengths")
    mix.main(OUTPUTS["preferences"], data / "lengths", data / "mixes", data / "rejects/mixes")
    prompts.main(OUTPUTS["pool"], tokenizer_dir, data / "prompts", data / "rejects/prompts.parquet")
    benchmark_pairs.main(
        data / "mixes/all", data / "pairs.parquet", data / "rejects/tests.parquet", data / "test_counts.parquet"
    )
    report_cleaning.main(
        OUTPUTS["counts"], data / "test_counts.parquet", OUTPUTS["rejects"], data / "rejects/prompts.parquet",
        data / "rejects/tests.parquet", reports / "cleaning.csv",
    )  # fmt: skip
    table5.main(OUTPUTS["preferences"], data / "lengths", OUTPUTS["counts"], OUTPUTS["rejects"], reports / "table5.csv")
    report_mixes.main(
        OUTPUTS["counts"], data / "mixes", data / "rejects/mixes", reports / "table5.csv", reports / "mixes.csv",
        reports / "cards",
    )  # fmt: skip

    for rejects in ("mixes/all", "prompts"):
        found = pl.read_parquet(data / f"rejects/{rejects}.parquet")
        assert found.select("row", "rule", "detail").rows() == [
            (0, "contaminated", "mt_bench row 0, text 0: the same words")
        ]
        assert planted.strip() in str(json.loads(found["raw"][0])["prompt"])
    for table in ("mixes/all", "prompts"):
        kept = pl.read_parquet(data / table / "*.parquet").filter(pl.col("source").is_in(["mine", "asked"]))
        assert [prompt[0]["content"] for prompt in kept["prompt"].to_list()] == ["Name a fish."]
    learnt = pl.read_parquet(OUTPUTS["instructions"]).filter(pl.col("source") == "told")
    assert [turns[0]["content"] for turns in learnt["messages"].to_list()] == ["Name a fish."]
    counted = pl.read_csv(reports / "cleaning.csv").select("source", "rule", "rows")
    assert ("asked", "contaminated", 1) in counted.rows()
    assert ("own.pairs", "kept", 2) in counted.rows()
    assert ("all", "mine", "contaminated", 1) in pl.read_csv(reports / "mixes.csv").rows()
    assert "| mine | hh_rlhf | pairs.jsonl | not pinned | MIT | human |" in (reports / "cards/all.md").read_text()


def test_offline_pairs_that_dpo_would_cut_are_left_out_and_counted(
    project: Path, policy_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(project, "ingest", sources=WORLD)
    change(project, "offline_history", pairs=2)
    ingest.main(**OUTPUTS)
    some = pl.read_parquet(OUTPUTS["preferences"] / "pairs.parquet").unique("prompt_id", maintain_order=True)[:4]
    long = some.with_row_index("n").with_columns(
        chosen=pl.when(pl.col("n") == 0).then(pl.lit("It is a fish. " * 300) + pl.col("chosen")).otherwise("chosen")
    )
    Path("mix").mkdir()
    tables.write(long.drop("n"), Path("mix/train.parquet"), Preferences)

    offline_history.main(Path("mix"), policy_dir, Path("data/history/iter0"), Path("data/rejects/offline.parquet"))

    found = tables.read(Path("data/history/iter0"), History)
    assert sorted(found["prompt_id"]) == sorted(some["prompt_id"][1:3])
    dropped = tables.read(Path("data/rejects/offline.parquet"), MixRejects)
    assert dropped.select("mix", "pair_id", "rule").rows() == [("mix", some["pair_id"][0], "too_long_to_train")]
    assert "2 offline pairs, dropped 1 (too_long_to_train)" in capsys.readouterr().out


def dialogue(asked: str, answer: str) -> str:
    return f"\n\nHuman: {asked}\n\nAssistant: {answer}"


def test_a_complete_source_with_other_counts_stops_table5_before_it_writes(project: Path, tokenizer_dir: Path) -> None:
    (project / "pairs.jsonl").write_bytes(GOOD)
    mine = {"format": "hh_rlhf", "kind": "preferences", "path": "pairs.jsonl"}
    change(project, "ingest", sources={**WORLD, "mine": mine})
    change(project, "table5", complete=["mine"])
    ingest.main(**OUTPUTS)
    lengths.main(OUTPUTS["preferences"], tokenizer_dir, project / "data/lengths")

    with pytest.raises(TableError, match="mine: 1 prompts, published 115,092"):
        table5.main(
            OUTPUTS["preferences"], project / "data/lengths", OUTPUTS["counts"], OUTPUTS["rejects"],
            project / "reports/table5.csv",
        )  # fmt: skip

    assert not (project / "reports").exists()


def test_every_mix_of_the_profile_is_made(project: Path, tokenizer_dir: Path) -> None:
    change(project, "ingest", sources=WORLD)
    change(project, "mix", some={"sources": {"pairs": 0.5}, "max_pairs": 5, "max_test_pairs": None})
    data = project / "data"
    ingest.main(**OUTPUTS)
    lengths.main(OUTPUTS["preferences"], tokenizer_dir, data / "lengths")

    mix.main(OUTPUTS["preferences"], data / "lengths", data / "mixes", data / "rejects/mixes")

    some = {side: pl.read_parquet(data / f"mixes/some/{side}.parquet").height for side in ("train", "test", "unused")}
    assert 0 < some["train"] <= 5
    assert sum(some.values()) == pl.read_parquet(data / "preferences/pairs.parquet").height
    assert sorted(path.stem for path in (data / "rejects/mixes").iterdir()) == ["all", "some"]
