"""The ingest stage over anyone's own files, in every way that params can name them, and params that it refuses."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from ruamel.yaml import YAML

from rlhf_data import params
from rlhf_data.errors import ParamsError
from rlhf_data.schemas import Counts, Instructions, Preferences, Rejects
from rlhf_data.storage import tables
from stages import ingest

ROOT = Path(__file__).parents[2]
OUTPUTS = {name: Path("data", name) for name in ("preferences", "instructions", "pool", "extras", "rejects", "counts")}
WORLD = {
    "pairs": {"format": "world", "kind": "preferences", "rows": 5},
    "chats": {"format": "world", "kind": "instructions", "rows": 5},
    "questions": {"format": "world", "kind": "prompts", "rows": 5},
}
PAIR = {"format": "custom", "kind": "preferences", "chosen": "good", "rejected": "bad", "prompt": "asked"}
RECORDS = [{"asked": f"What is {n}?", "good": f"It is {n}.", "bad": f"It is {n - n % 2}."} for n in range(10)]


def sources(project: Path, **given: dict[str, Any]) -> None:
    yaml = YAML()
    path = project / "params" / "tiny.yaml"
    profile = yaml.load(path)
    profile["ingest"]["sources"] = WORLD | given
    yaml.dump(profile, path)


def test_one_s_own_pairs_in_every_format_give_the_same_rows(project: Path) -> None:
    lines = "".join(json.dumps(record) + "\n" for record in RECORDS).encode()
    table = pl.DataFrame(RECORDS)
    contents = {"a.jsonl": lines, "a.jsonl.gz": gzip.compress(lines), "a.json": json.dumps(RECORDS).encode()}
    contents |= {"a.csv": table.write_csv().encode(), "a.csv.gz": gzip.compress(table.write_csv().encode())}
    for name, content in contents.items():
        (project / name).write_bytes(content)
    table.write_parquet(project / "a.parquet")
    (project / "hub").mkdir()
    (project / "hub" / "train.jsonl").write_bytes(lines)
    paths = {f"mine_{place}": PAIR | {"path": name} for place, name in enumerate([*contents, "a.parquet"])}
    sources(project, **paths, mine_hub=PAIR | {"hub": "hub", "split": "train"})

    ingest.main(**OUTPUTS)

    counts = tables.read(OUTPUTS["counts"], Counts).filter(pl.col("source").str.starts_with("mine"))
    assert counts.select("raw", "kept", "rows").unique().rows() == [(10, 5, 5)]
    assert counts.height == 7
    rejects = tables.read(OUTPUTS["rejects"], Rejects).filter(pl.col("source") == "mine_hub")
    assert rejects.select("row", "rule").rows() == [(n, "same_response") for n in (0, 2, 4, 6, 8)]
    for source in counts["source"]:
        pairs = tables.read(OUTPUTS["preferences"] / f"{source}.parquet", Preferences)
        assert pairs.select("row", "chosen", "rejected", "annotator").rows() == [
            (n, f"It is {n}.", f"It is {n - 1}.", "unknown") for n in (1, 3, 5, 7, 9)
        ]


def test_one_s_own_conversations_and_a_cap(project: Path) -> None:
    rows = [
        {"talk": {"turns": [{"from": "human", "value": f"{n}?"}, {"from": "gpt", "value": "So."}]}} for n in range(40)
    ]
    (project / "talks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    votes = [{"asked": "Which?", "good": f"Good {n}.", "bad": f"Bad {n}."} for n in range(6)]
    (project / "votes.json").write_text(json.dumps(votes))
    talks = {"format": "custom", "kind": "instructions", "messages": "talk.turns", "path": "talks.jsonl"}
    sources(project, talks=talks, votes=PAIR | {"path": "votes.json", "max_pairs_per_prompt": 2, "pick": "first"})

    ingest.main(**OUTPUTS)

    talked = tables.read(OUTPUTS["instructions"], Instructions).filter(pl.col("source") == "talks")
    dropped = tables.read(OUTPUTS["rejects"], Rejects)
    # the rest has held-out prompts
    assert talked.height + dropped.filter(pl.col("source") == "talks", pl.col("rule") == "held_out_prompt").height == 40
    assert tables.read(OUTPUTS["preferences"] / "votes.parquet", Preferences)["row"].to_list() == [0, 1]
    over = dropped.filter(pl.col("source") == "votes")
    assert over.select("row", "rule").rows() == [(n, "pairs_per_prompt") for n in (2, 3, 4, 5)]
    assert json.loads(over["raw"][0])["chosen"] == "Good 2."


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"hub": "a/b", "split": "train"}, "give either path or hub"),
        ({"path": None}, "give either path or hub"),
        ({"split": "train"}, "revision, config, files and split go with hub"),
        ({"path": None, "hub": "a/b"}, "hub needs a split"),
        (
            {"path": None, "hub": "a/b", "split": "train", "sha256": "0"},
            "hub needs a split, and is pinned by its revision",
        ),
        ({"pick": "first"}, "pick goes with max_pairs_per_prompt"),
        ({"kind": "prompts", "max_pairs_per_prompt": 5}, "goes with preferences; prompts would ignore it"),
        ({"max_pairs_per_prompt": 0}, "mine.max_pairs_per_prompt: Input should be greater than or equal to 1"),
        ({"ratio": "more"}, "mine.ratio: Input should be 'above' or 'at_least'"),
        ({"min_ratio": 0.5}, "mine.min_ratio: Input should be greater than or equal to 1"),
        ({"score": "all"}, "mine.score: unknown; "),
        ({"format": "shp2"}, "no format is 'shp2'; near: shp"),
    ],
)
def test_a_source_that_would_be_misread_is_refused(project: Path, given: dict[str, Any], said: str) -> None:
    good = {"format": "shp", "kind": "preferences", "path": "a.jsonl", "min_ratio": 2}
    sources(project, mine=good)
    params.load()
    sources(project, mine=good | given)
    with pytest.raises(ParamsError) as caught:
        params.load()
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("preferences", {"chosen": "a"}),
        ("preferences", {"response": "a", "score": "b"}),
        ("preferences", {"chosen": "a", "rejected": "b", "messages": "c"}),
        ("preferences", {"prompt": "p", "response": "a", "score": "b", "chosen_score": "c"}),
        ("instructions", {"prompt": "a"}),
        ("instructions", {"prompt": "a", "response": "b", "score": "c"}),
        ("prompts", {}),
        ("prompts", {"prompt": "a", "chosen": "b"}),
    ],
)
def test_fields_that_make_no_row_or_would_be_ignored_are_refused(
    project: Path, kind: str, fields: dict[str, str]
) -> None:
    sources(project, mine={"format": "custom", "kind": kind, "path": "a.jsonl"} | fields)
    with pytest.raises(ParamsError, match=f"{kind} need the fields "):
        params.load()


def test_the_paper_s_profile_names_all_its_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    profile = params.load_profile("llama3-8b")
    named = [(source.kind, source.format) for source in profile.ingest.sources.values()]
    formats = {kind: {format for one, format in named if one == kind} for kind, _ in named}
    table5 = {"hh_rlhf", "shp", "helpsteer", "pku_safe_rlhf", "ultrafeedback", "ultrainteract", "code_ultrafeedback"}
    table5 |= {"argilla_math", "distilabel_orca", "capybara"}
    assert formats["preferences"] == table5 | {"summarize_from_feedback"}
    assert len(formats["instructions"]) == 9  # appendix A.4
    assert formats["prompts"] == {"ultrafeedback", "helpsteer", "distilabel_orca", "ultrainteract", "capybara", "dibt"}
    mixed = profile.mix["all"].sources
    assert mixed is not None
    assert {profile.ingest.sources[name].format for name in mixed} == table5


def test_the_same_tables_whatever_number_of_threads(project: Path) -> None:
    def digests(threads: int) -> dict[str, str]:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "POLARS_MAX_THREADS": str(threads)}
        flags = [part for name, path in OUTPUTS.items() for part in (f"--{name}", str(path))]
        subprocess.run([sys.executable, "-m", "stages.ingest", *flags], env=environment, check=True)
        found = [path for out in OUTPUTS.values() for path in (sorted(out.glob("*")) if out.is_dir() else [out])]
        return {str(path): hashlib.md5(path.read_bytes()).hexdigest() for path in found}

    assert digests(1) == digests(2) == digests(3)
