"""Stages called on bad input: a clear error, and nothing half-written."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from rlhf_data import params
from rlhf_data.errors import ParamsError, RlhfDataError, SourceError, TableError
from stages import evaluate, ingest, pair, prompts

ROOT = Path(__file__).parent.parent
OUTPUTS = {
    "preferences": Path("data/preferences"),
    "instructions": Path("data/instructions/train.parquet"),
    "pool": Path("data/prompt_pool.parquet"),
    "dropped": Path("data/dropped/ingest.parquet"),
    "counts": Path("data/counts.parquet"),
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(ROOT / "params.yaml", tmp_path / "params.yaml")
    shutil.copytree(ROOT / "params", tmp_path / "params")
    monkeypatch.chdir(tmp_path)
    return tmp_path


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
        ("ingest", {"sources": {"pairs": world("preferences", 20)}}, "no source of kind instructions, prompts"),
    ],
)
def test_a_bad_parameter_stops_a_stage_before_it_reads(
    project: Path, section: str, values: dict[str, Any], said: str
) -> None:
    change(project, section, **values)

    with pytest.raises(ParamsError, match=said):
        pair.main(*(project / "nowhere" for _ in range(5)))


def test_a_missing_table_says_how_to_make_it(project: Path) -> None:
    with pytest.raises(TableError, match="dvc repro"):
        prompts.main(project / "pool.parquet", project / "tokenizer", project / "prompts", project / "dropped.parquet")


def test_an_absent_checkpoint_says_how_to_make_it(project: Path, tokenizer_dir: Path) -> None:
    change(project, "prompts", dev=2, test=2)
    change(project, "ingest", sources=WORLD)
    ingest.main(**OUTPUTS)
    prompts.main(OUTPUTS["pool"], tokenizer_dir, Path("data/prompts"), Path("data/dropped/prompts.parquet"))

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

    prompts.main(OUTPUTS["pool"], tokenizer_dir, Path("data/prompts"), Path("data/dropped/prompts.parquet"))

    from rlhf_data import tables
    from rlhf_data.schemas import Prompts, Rejects

    dropped = tables.read(Path("data/dropped/prompts.parquet"), Rejects)
    kept = tables.read(Path("data/prompts"), Prompts)
    assert dropped["rule"].unique().to_list() == ["prompt_too_long"]
    assert dropped.height + kept.height == 200
    assert kept["prompt_tokens"].max() == params.load().prompts.max_tokens
