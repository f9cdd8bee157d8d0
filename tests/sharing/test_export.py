"""Tables that leave the project: `datasets` and TRL open them as they are, and released layouts come back whole."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import small_project
from hypothesis import given
from hypothesis import strategies as st
from small_project import command
from typer.testing import CliRunner

from rlhf_data.commands import app
from rlhf_data.errors import StorageError, TableError
from rlhf_data.hashing import content_id
from rlhf_data.reports.mix_card import Origin
from rlhf_data.schemas import Generations, Preferences, Prompts, Rewards
from rlhf_data.sharing import exchange, export_card
from rlhf_data.sources.about import About, Expected
from rlhf_data.storage import tables

ROOT = Path(__file__).parents[2]
PROMPT = [{"role": "user", "content": "Name a fish."}]
RECORD = {
    "prompt": PROMPT,
    "responses": ["A carp.", "Tea."],
    "rewards": [2, -0.5],
}
ASKED = {"iteration": 1, "finish_reason": "stop", "judge": "zoo", "job": "ab12", "source": "zoo"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    return small_project.make(folder / "project", remote=folder / "store")


def loaded(folder: Path, cache: Path) -> Any:
    from datasets import load_dataset

    return load_dataset(str(folder), cache_dir=str(cache))


def test_a_mix_as_datasets_loads_it(project: Path, tmp_path: Path) -> None:
    assert "train 24 rows" in command("export", "mixes/all", "--out", str(tmp_path / "mix"), cwd=project)
    found = loaded(tmp_path / "mix", tmp_path)
    assert {split: len(rows) for split, rows in found.items()} == {"train": 24, "test": 24}
    ours = tables.read(project / "data/mixes/all/train.parquet", Preferences)
    assert found["train"].to_polars().equals(pl.DataFrame(ours))

    card = (tmp_path / "mix/README.md").read_text()
    assert "license: other\n" in card
    assert "| `margin` | Float64 | chosen_score − rejected_score |" in card
    assert "| train | 24 |" in card
    assert "from the workspace, over commit " in card


def test_json_lines_of_parts_at_a_revision(project: Path, tmp_path: Path) -> None:
    asked = ["export", "data/generations/iter1", "--format", "jsonl", "--at", "v1"]
    command(*asked, "--out", str(tmp_path / "said"), cwd=project)
    found = loaded(tmp_path / "said", tmp_path)["train"]
    ours = tables.read(project / "data/generations/iter1", Generations)
    assert found["response"][:] == ours["response"].to_list()
    assert found["finish_reason"][0] == "stop"
    commit = small_project.git("rev-parse", "v1", cwd=project).strip()
    assert f"from commit {commit}." in (tmp_path / "said/README.md").read_text()


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("pairs/iter1", ["prompt", "chosen", "rejected"]),
        ("mixes/all", ["prompt", "chosen", "rejected"]),
        ("history/iter1", ["prompt", "chosen", "rejected", "ref_chosen_logps", "ref_rejected_logps"]),
        ("instructions/train", ["messages"]),
        ("prompts/iter1", ["prompt"]),
    ],
)
def test_what_trl_reads(project: Path, tmp_path: Path, table: str, columns: list[str]) -> None:
    from trl.data_utils import is_conversational

    command("export", table, "--format", "trl", "--out", str(tmp_path / "out"), cwd=project)
    found = loaded(tmp_path / "out", tmp_path)["train"]
    assert found.column_names == columns
    assert is_conversational(found[0])
    if "chosen" in columns:
        assert found[0]["chosen"][0]["role"] == "assistant"
        assert found[0]["prompt"][-1]["role"] == "user"


def test_there_and_back(project: Path, tmp_path: Path) -> None:
    asked = ["export", "generations/iter1", "--format", "responses_rewards", "--out", str(tmp_path / "out")]
    command(*asked, cwd=project)
    (file,) = (tmp_path / "out/data").iterdir()
    records = [json.loads(line) for line in file.read_text().splitlines()]
    assert len(records) == 48
    assert [len(one["responses"]) for one in records] == [len(one["rewards"]) for one in records] == [2] * 48

    back = ["import", str(file), "--iteration", "iter1", "--finish-reason", "stop", "--out", "back"]
    assert "null: prompt_tokens, response_tokens, temperature, seed" in command(*back, cwd=project)
    with pytest.raises(StorageError, match=r"back/prompts/iter1\.parquet, .*: exists"):
        command(*back, cwd=project)
    lost = {"prompt_tokens", "response_tokens", "temperature", "seed", "job", "source", "judge"}
    names = {"prompts/iter1.parquet": Prompts, "generations/iter1": Generations, "rewards/iter1.parquet": Rewards}
    for name, schema in names.items():
        ours, theirs = (
            tables.read(project / one / name, schema).sort(schema.primary_key()) for one in ("data", "back")
        )
        kept = [column for column in ours.columns if column not in lost]
        assert theirs.select(kept).equals(ours.select(kept))
    assert tables.read(project / "back/generations/iter1", Generations)["seed"].null_count() == 96
    shutil.rmtree(project / "back")


def test_what_cannot_be_exported(project: Path, tmp_path: Path) -> None:
    for asked, says in (
        (["models/iter0"], "cannot be exported as hf; these can: preferences, "),
        (["pairs/iter1", "--format", "responses_rewards"], "these can: generations"),
        (["generations/iter1", "--format", "trl"], "TRL has no format"),
        (["pairs/iter7"], "no such table"),
        (["prompts/test"], "no rows to export"),
    ):
        with pytest.raises(TableError, match=says):
            command("export", *asked, "--out", str(tmp_path / "out"), cwd=project)
        assert not (tmp_path / "out").exists()
    with pytest.raises(StorageError, match="exists"):
        command("export", "pairs/iter1", "--out", str(tmp_path), cwd=project)


def test_a_damaged_object_is_not_exported(project: Path, tmp_path: Path) -> None:
    bad = small_project.stored(project / ".dvc/cache", small_project.oids(project)["data/pairs/iter1.parquet"])
    small_project.flip(bad)
    with pytest.raises(StorageError, match=r"iter1\.parquet at v1: damaged"):
        command("export", "pairs/iter1", "--at", "v1", "--out", str(tmp_path / "out"), cwd=project)
    small_project.flip(bad)


TREE = {"prompt": [{"role": "user", "content": "Name a tree."}], "responses": ["An oak."], "rewards": [0.5]}


@pytest.mark.parametrize(("change", "rule"), [
    ({"prompt": "<|user|>Name a fish."}, "markup"),
    ({"prompt": []}, "wrong_layout"),
    ({"prompt": [{"role": "assistant", "content": "Hm."}]}, "turns_out_of_order"),
    ({"prompt": [{"role": "narrator", "content": "Once."}, *PROMPT]}, "unknown_role"),
    ({"prompt": [{"role": "user", "content": " "}]}, "empty_turn"),
    ({"prompt": [{"role": "user", "content": "a \ud83d"}]}, "not_unicode"),
    ({"responses": [1, 2]}, "wrong_layout"),
    ({"responses": ["A carp.", ""]}, "empty_turn"),
    ({"responses": ["A \ud83d carp.", "Tea."]}, "not_unicode"),
    ({"responses": [{"text": "A carp."}, {"text": "Tea."}]}, "wrong_layout"),
    ({"rewards": [1.0, float("nan")]}, "unrated"),
    ({"rewards": [1.0, None]}, "unrated"),
    ({"rewards": [1.0, "good"]}, "wrong_layout"),
    ({"rewards": [1.0, 1e39]}, "not_a_number"),
    ({"rewards": [1.0, 10**400]}, "not_a_number"),
    ({"rewards": [1.0]}, "wrong_layout"),
    ({"responses": [], "rewards": []}, "wrong_layout"),
    ({"prompt": [{**PROMPT[0], "tool_calls": [{"name": "f"}]}]}, "unread_field"),
    ({"reasoning": ["hm", "so"]}, "unread_field"),
    ({"responses": ["x"] * 300, "rewards": [1] * 300}, "too_many_responses"),
])  # fmt: skip
def test_a_record_that_cannot_be_taken_is_rejected_and_the_others_are_not(change: dict[str, Any], rule: str) -> None:
    made = exchange.from_scored_records([TREE, {**RECORD, **change}], **ASKED)  # type: ignore[arg-type]
    assert made["rejects"].select("row", "rule").rows() == [(1, rule)]
    assert made["rewards"].select("sample", "reward").rows() == [(0, 0.5)]
    with pytest.raises(TableError, match=f"none of 1 records can be used; the first: {rule}, "):
        exchange.from_scored_records([{**RECORD, **change}], **ASKED)  # type: ignore[arg-type]


def test_a_field_that_is_not_read_is_counted() -> None:
    left = Counter[str]()
    exchange.from_scored_records([RECORD, {**RECORD, "zebra": 1, "model": "m"}], **ASKED, left=left)  # type: ignore[arg-type]
    assert left == {"zebra": 1}


def test_no_record_is_an_error() -> None:
    with pytest.raises(TableError, match="none of 0 records"):
        exchange.from_scored_records([], **ASKED)  # type: ignore[arg-type]


def test_a_prompt_of_text_and_of_messages_in_any_spelling_is_one() -> None:
    asked = [
        PROMPT,
        "Name a fish.",
        "Name a fish.\r\n",
        json.dumps(PROMPT),
        [{"from": "human", "value": " Name a fish."}],
    ]
    made = exchange.from_scored_records([{**RECORD, "prompt": one} for one in asked], **ASKED)  # type: ignore[arg-type]
    assert made["prompts"].height == 1
    assert made["rewards"]["sample"].to_list() == list(range(10))


@given(st.lists(st.one_of(
    st.integers(-(2**24), 2**24), st.floats(-1e6, 1e6, width=32), st.booleans(),
    st.decimals(-1000, 1000, places=2), st.floats(-1e6, 1e6, width=32).map(repr), st.integers(-99, 99).map(str),
), min_size=1, max_size=9))  # fmt: skip
def test_a_reward_is_what_the_file_says_whatever_came_before(rewards: list[Any]) -> None:
    """Whole numbers first, then others: no type is guessed from the first rows."""
    records = [{**RECORD, "responses": ["A carp."], "rewards": [5]}] * 200
    records += [{**TREE, "prompt": f"Name tree {n}.", "rewards": [one]} for n, one in enumerate(rewards)]
    made = exchange.from_scored_records(records, **ASKED)  # type: ignore[arg-type]
    found = made["rewards"]["reward"].to_list()[200:]
    assert found == [pl.Series([float(one)], dtype=pl.Float32)[0] for one in rewards]


@pytest.mark.parametrize("iteration", ["v1", "iter", "iter0", "iter256", "1", "iter1/x", "../iter1"])
def test_an_iteration_that_is_none_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, iteration: str
) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps(RECORD))
    asked = ["import", "a.jsonl", "--iteration", iteration, "--finish-reason", "stop", "--out", "back"]
    monkeypatch.chdir(tmp_path)
    refused = CliRunner().invoke(app, asked)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "is no iteration; they are iter1, iter2" in refused.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]


def test_an_import_that_is_killed_leaves_nothing_and_goes_on(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps(RECORD))
    asked = ["import", "a.jsonl", "--iteration", "iter1", "--finish-reason", "stop", "--out", "back"]
    killed = (
        "import os\n"
        "from rlhf_data.commands import main\n"
        "replace, moved = os.replace, []\n"
        "def one(source, target):\n"
        "    moved.extend([target] if 'partial' in str(source) and 'partial' not in str(target) else [])\n"
        "    os._exit(9) if len(moved) == 3 else replace(source, target)\n"
        "os.replace = one\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", killed, *asked], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == 9
    assert (tmp_path / "back/prompts/iter1.parquet").exists()

    command(*asked, cwd=tmp_path)
    files = sorted(
        path.relative_to(tmp_path / "back").as_posix() for path in (tmp_path / "back").rglob("*") if path.is_file()
    )
    assert files == ["generations/iter1/part-00000.parquet", "prompts/iter1.parquet", "rewards/iter1.parquet",
                     "scores/iter1/imported.parquet"]  # fmt: skip


def test_a_prompt_that_comes_twice_keeps_all_its_responses() -> None:
    made = exchange.from_scored_records([RECORD, RECORD], **ASKED)  # type: ignore[arg-type]
    assert made["prompts"].height == 1
    assert made["generations"]["sample"].to_list() == [0, 1, 2, 3]
    assert made["rewards"]["reward"].to_list() == [2, -0.5, 2, -0.5]


def test_tables_that_do_not_match_make_no_records() -> None:
    said = pl.DataFrame({"prompt_id": ["a", "a"], "sample": [0, 1], "iteration": 1, "response": ["x", "y"]})
    asked = pl.DataFrame({"prompt_id": ["a"], "prompt": [PROMPT]})
    given = {"iteration": 1, "response_id": [content_id("x")]}
    scores = pl.DataFrame({"prompt_id": ["a"], "sample": [0], "reward": [1.0], **given})
    with pytest.raises(TableError, match="1 responses have no reward"):
        exchange.scored_records(asked, said, scores)
    with pytest.raises(TableError, match="1 of 1 rewards were given to another text"):
        exchange.scored_records(asked, said[:1].with_columns(response=pl.lit("z")), scores)
    with pytest.raises(TableError, match="1 responses have no prompt"):
        exchange.scored_records(asked.clear(), said.head(1), scores)


def test_a_licence_is_named_where_all_sources_share_it() -> None:
    about = About(
        "Zoo", "https://zoo.example", "CC-BY-NC-4.0", True, "A. Keeper (2024). Zoo.", "LLM", "human", Expected()
    )
    zoo, ark = Origin("hh_rlhf", "zoo.jsonl", "sha256 ab12", about), Origin("standard", "ark", "c0ffee", None)

    def card(origins: dict[str, Origin] | None) -> str:
        split = export_card.Split("train", 1200, "data/train-*.parquet")
        about_rows = {"describes": "Pairs.", "layout": "hf", "splits": [split], "columns": [], "origin": "commit c0"}
        return export_card.card("mixes/all", origins=origins, **about_rows)  # type: ignore[arg-type]

    assert "license: cc-by-nc-4.0\n" in card({"zoo": zoo})
    assert "**Not for commercial use**: zoo is licensed" in card({"zoo": zoo, "ark": ark})
    assert "license: other\n" in card({"zoo": zoo, "ark": ark})
    assert "| ark | standard | ark | c0ffee | unknown: ask its publishers |" in card({"ark": ark})
    assert "- zoo: [Zoo](https://zoo.example). A. Keeper (2024). Zoo.\n" in card({"zoo": zoo})
    assert "Unknown: the params of this revision" in card(None)
