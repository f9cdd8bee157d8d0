"""`rlhf-data inspect` and `new-profile`: from files that no tool has seen to a profile that reads them."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from small_project import command

from rlhf_data import params
from rlhf_data.cleaning import inspection
from rlhf_data.commands import inspect
from rlhf_data.errors import ParamsError, SourceError, StorageError

ROOT = Path(__file__).parents[2]
TALK = [{"role": "user", "content": "Name a fish."}, {"role": "assistant", "content": "A carp."}]
OTHER = [TALK[0], {"role": "assistant", "content": "A whale."}]


def source(*records: Any) -> dict[str, Any]:
    return inspection.fits(records)[0].source


@pytest.mark.parametrize(("record", "expected"), [
    ({"chosen": TALK, "rejected": OTHER}, {"format": "standard", "kind": "preferences"}),
    ({"messages": TALK, "id": 7}, {"format": "messages", "kind": "instructions"}),
    ({"prompt": "Name a fish.", "completion": "A carp."}, {"format": "prompt_completion", "kind": "instructions"}),
    ({"instruction": "Name a fish.", "input": "", "output": "A carp."},
     {"format": "instruction_response", "kind": "instructions"}),
    ({"question": "Name a fish.", "better": "A carp.", "worse": "A whale."},
     {"format": "custom", "kind": "preferences", "prompt": "question", "chosen": "better", "rejected": "worse"}),
    ({"q": {"ask": "Name a fish."}, "a": {"response_a": "A carp.", "response_b": "A whale."}, "winner": "B"},
     {"format": "custom", "kind": "preferences", "prompt": "q.ask", "first": "a.response_a", "second": "a.response_b",
      "label": "winner"}),
    ({"talk": {"turns": [{"from": "human", "value": "Hi."}, {"from": "gpt", "value": "Hello!"}]}},
     {"format": "custom", "kind": "instructions", "messages": "talk.turns"}),
    ({"system": "Be brief.", "context": "", "question": "Name a fish.", "better": "A carp.", "worse": "A whale."},
     {"format": "custom", "kind": "preferences", "prompt": "question", "chosen": "better", "rejected": "worse",
      "system": "system"}),
    ({"task": {"ask": "Name a lake."}}, {"format": "custom", "kind": "prompts", "prompt": "task.ask"}),
])  # fmt: skip
def test_the_likeliest_reading_of_a_record(record: dict[str, Any], expected: dict[str, Any]) -> None:
    assert source(record) == expected


def test_what_no_format_reads_has_no_fit() -> None:
    assert inspection.fits([{"x": 1}, None, 3, [], "text"]) == []


def test_the_first_record_may_be_none() -> None:
    record = {"question": "Name a fish.", "better": "A carp.", "worse": "A whale."}
    assert source(None, record)["kind"] == "preferences"


@pytest.mark.parametrize(("record", "expected"), [
    ({"messages": TALK, "tools": [{"name": "find"}]}, "messages, instructions, comes nearest: unread_field, tools: "),
    ({"question": "Which?", "better": "A carp.", "worse": "A whale.", "context": "At sea."},
     "custom, preferences, comes nearest: unread_field, context: "),
    ({"chosen": TALK, "rejected": TALK}, "standard, preferences, comes nearest: same_response, "),
])  # fmt: skip
def test_what_keeps_no_record_is_told_with_the_reason(record: dict[str, Any], expected: str) -> None:
    found = [fit for fit in inspection.fits([record]) if fit.source["kind"] != "prompts"]
    assert found == []
    said = str(inspection.nearest([record]))
    assert said.startswith(expected)
    assert ("`leaves`" in said) == ("unread_field" in said)


def test_other_layouts_are_not_near() -> None:
    assert inspection.nearest([{"x": 1}, None, 3, [], "text"]) is None


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Three odd files: CSV, JSON lines and Parquet."""
    (tmp_path / "Votes 2.csv").write_text(
        "question,better,worse,who\nName a fish.,A carp.,\x1b[31mA \u202ewhale.,ann\n"
    )
    (tmp_path / "talks.jsonl").write_text(json.dumps({"id": 1, "talk": {"turns": TALK}, "mood": "good"}) + "\n")
    pl.DataFrame({"task": [{"ask": "Name a lake."}, {"ask": None}]}).write_parquet(tmp_path / "asks.parquet")
    return [tmp_path / name for name in ("Votes 2.csv", "talks.jsonl", "asks.parquet")]


def test_a_file_is_told_with_what_it_would_be_read_as(files: list[Path]) -> None:
    said = [command("inspect", str(file), cwd=file.parent) for file in files]
    assert "custom                  preferences        1      1  who" in said[0]
    assert "mine: {format: custom, kind: preferences, path: " in said[0]
    assert "prompt: question, chosen: better, rejected: worse}" in said[0]
    assert "\\u001b[31mA \\u202ewhale." in said[0]
    assert not set("".join(said)) & {"\x1b", "\u202e"}
    assert "custom                  instructions       1      1  mood" in said[1]
    assert "dropped: 1 × wrong_layout" in said[2]
    with pytest.raises(SourceError, match="absent"):
        command("inspect", str(files[0].with_name("none.csv")), cwd=files[0].parent)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    shutil.copytree(ROOT / "params", folder / "params")
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.mark.parametrize("origin", ["tiny", "real", "llama3-8b"])
def test_a_profile_of_ones_own_files_loads_and_says_what_stands_where(
    project: Path, files: list[Path], origin: str
) -> None:
    given = [part for file in files for part in ("--source", str(file))]
    command("new-profile", "mine", "--from", origin, *given, cwd=project)
    loaded = params.load_profile("mine", project)
    assert {name: one.kind for name, one in loaded.ingest.sources.items()} == {
        "votes_2": "preferences", "talks": "instructions", "asks": "prompts",
    }  # fmt: skip
    assert list(loaded.mix) == ["all"]
    assert (loaded.clean.contamination, loaded.benchmark_pairs.sets, loaded.report.select_by) == (None, {}, "reward")
    text = (project / "params/mine.yaml").read_text()
    assert "../shared" not in text
    assert "sha256" not in text
    assert len(text.splitlines()) <= 40
    assert loaded.train_policy == params.load_profile(origin, project).train_policy
    uncommented = text[: text.index("# What is changed")] + re.sub("^# ", "", text.partition("away\n")[2], flags=re.M)
    (project / "params/same.yaml").write_text(uncommented)
    assert params.load_profile("same", project) == loaded
    with pytest.raises(StorageError, match="exists\n  name a new one"):
        command("new-profile", "mine", cwd=project)


def test_prompts_come_from_another_file_and_the_world_stands_in_for_the_rest(project: Path, files: list[Path]) -> None:
    command("new-profile", "mine", "--source", str(files[0]), cwd=project)
    sources = params.load_profile("mine", project).ingest.sources
    assert list(sources) == ["votes_2", "world_instructions", "votes_2_prompts"]


def test_files_of_one_name_are_two_sources(project: Path, files: list[Path]) -> None:
    pairs = files[0].read_bytes()
    given = ["a/votes.csv", "b/votes.csv", "c/world_prompts.csv"]
    for name in given:
        (project / name).parent.mkdir()
        (project / name).write_bytes(pairs)
    command("new-profile", "mine", *(part for name in given for part in ("--source", str(project / name))), cwd=project)
    sources = params.load_profile("mine", project).ingest.sources
    assert {name: getattr(one, "path", None) for name, one in sources.items()} == {
        "votes": "a/votes.csv", "votes_2": "b/votes.csv", "world_prompts_2": "c/world_prompts.csv",
        "world_instructions": None, "votes_prompts": "a/votes.csv",
    }  # fmt: skip


def test_an_origin_may_be_written_in_another_way(project: Path, files: list[Path]) -> None:
    other = YAML(typ="safe").load(project / "params/real.yaml")
    YAML(typ="safe").dump(other, project / "params/other.yaml")
    for name, origin in (("one", "real"), ("two", "other")):
        command("new-profile", name, "--from", origin, "--source", str(files[0]), cwd=project)
    assert params.load_profile("one", project) == params.load_profile("two", project)


def test_an_origin_may_start_from_another(project: Path, files: list[Path]) -> None:
    (project / "params/ours.yaml").write_text("from: tiny\npair: {length_penalty: 0.02}\n")
    command("new-profile", "mine", "--from", "ours", "--source", str(files[0]), cwd=project)
    assert "# pair: {length_penalty: 0.02}" in (project / "params/mine.yaml").read_text()
    assert params.load_profile("mine", project).pair.length_penalty == 0.02


def test_a_profile_that_would_not_load_is_not_written(project: Path, files: list[Path]) -> None:
    (project / "params/odd.yaml").write_text((project / "params/tiny.yaml").read_text().replace("  sources: null", ""))
    with pytest.raises(ParamsError, match=r"params/odd.yaml: "):
        command("new-profile", "mine", "--from", "odd", "--source", str(files[0]), cwd=project)
    assert not (project / "params/mine.yaml").exists()


TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    ["true", "null", "1e5", "0x1f", "1.5", "1_000", "~", "-", "---", "...", "2026-01-01", ".inf", "no", "a: b", "a #b"]
)


@given(st.dictionaries(st.sampled_from(["prompt", "chosen", "rejected"]), TEXTS | st.lists(TEXTS) | st.floats(1, 9)))
@settings(max_examples=300, deadline=None)
def test_the_line_of_params_says_what_was_tried(options: dict[str, Any]) -> None:
    source = {"format": "custom", "kind": "preferences", **options}
    line = inspect.line("a b.csv", None, source)
    assert line.isprintable()
    assert YAML(typ="safe").load(line) == source | {"path": "a b.csv"}


@pytest.mark.parametrize("name", ["", "../x", "Mine", "a b", "1", "mine.yaml", "null", "true"])
def test_a_name_that_is_none_is_refused(project: Path, name: str) -> None:
    with pytest.raises(ParamsError, match="a profile's name is small letters"):
        command("new-profile", name, cwd=project)
