"""A short profile over another: what is said in it stands, what it leaves is the other's, and DVC watches the whole."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from rlhf_data import params
from rlhf_data.errors import ParamsError
from rlhf_data.params import merging
from stages import profile as stage

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(ROOT / "params", tmp_path / "params")
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(name: str, text: str) -> None:
    Path(f"params/{name}.yaml").write_text(text)


def choose(name: str) -> None:
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(text.replace("profile: tiny", f"profile: {name}"))


def test_five_lines_are_a_profile(project: Path) -> None:
    write("mine", "from: tiny\npair: {length_penalty: 0.02}\ntrain_sft:\n  epochs: 3\n")
    mine, tiny = params.load_profile("mine"), params.load_profile("tiny")
    assert (mine.pair.length_penalty, mine.train_sft.epochs) == (0.02, 3)
    assert (mine.pair.min_margin, mine.train_sft.base, mine.seed) == (0.0, tiny.train_sft.base, tiny.seed)


def test_conversations_are_needed_where_sft_trains_on_them(project: Path) -> None:
    sources = "".join(f"\n    {kind}: {{format: world, kind: {kind}, rows: 9}}" for kind in ("preferences", "prompts"))
    write("mine", f"from: tiny\ningest:\n  sources:{sources}\n")
    with pytest.raises(ParamsError, match=r"no source of kind instructions, .*; train_sft\.epochs 0 leaves a base"):
        params.load_profile("mine")
    write("mine", f"from: tiny\ningest:\n  sources:{sources}\ntrain_sft: {{base: models/some, epochs: 0}}\n")
    assert set(params.load_profile("mine").ingest.sources) == {"preferences", "prompts"}


def test_a_profile_may_start_from_one_that_does(project: Path) -> None:
    write("a", "from: tiny\nseed: 1\npair: {length_penalty: 0.02}\n")
    write("b", "from: a\nseed: 2\n")
    assert (params.load_profile("b").seed, params.load_profile("b").pair.length_penalty) == (2, 0.02)


@pytest.mark.parametrize(
    ("own", "left"),
    [
        ("ingest: {sources: {w: {format: world, kind: preferences, rows: 9}}}", {"ingest.sources": ["w"]}),
        ("mix: {helpful: {sources: null, max_pairs: 5, max_test_pairs: null}}", {"mix": ["helpful"]}),
        ("clean: {min_margin: {world_pairs: 1}}", {"clean.min_margin": ["world_pairs"]}),
        ("benchmark_pairs: {sets: {}}", {"benchmark_pairs.sets": []}),
        ("judges: {prompted: {kind: reward}}", {"judges": ["preference", "prompted", "reward"],
                                                "judges.prompted": ["kind"]}),
        ("judges: {prompted: {max_tokens: 8}}", {"judges.prompted": ["batch_size", "endpoint", "engine", "kind"]}),
    ],
)  # fmt: skip
def test_what_is_the_experiments_own_takes_the_place_of_the_others(
    project: Path, own: str, left: dict[str, list[str]]
) -> None:
    write("mine", f"from: tiny\n{own}\n")
    for place, names in left.items():
        found: Any = merging.merged("mine")
        for part in place.split("."):
            found = found[part]
        assert sorted(found)[: len(names)] == names
        assert len(found) == len(names) or place == "judges.prompted"


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ("from: none_such\n", r"params/mine\.yaml: from 'none_such' has no file .*; there are: llama3-8b, mine, "),
        ("from: mine\n", r"profiles start from each other: mine → mine"),
        ("from: ../params/tiny\n", r"from: is the name of another profile"),
        ("from: [tiny]\n", r"from: is the name of another profile"),
        ("- from\n", r"params/mine\.yaml: no sections, but list"),
        ("", r"params/mine\.yaml: no sections, but NoneType"),
        ("from: tiny\npair: {lenght_penalty: 1}\n", r"params/mine\.yaml: 1 wrong value\(s\)\n  pair\.lenght_penalty: "),
        ("from: tiny\npair: null\n", r"params/mine\.yaml: 1 wrong value\(s\)\n  pair: "),
        ("pair: {length_penalty: 0.1}\n", r"params/mine\.yaml: 25 wrong value\(s\)\n"),
    ],
)
def test_what_is_wrong_is_one_error_that_names_the_file(project: Path, own: str, said: str) -> None:
    write("mine", own)
    with pytest.raises(ParamsError, match=said):
        params.load_profile("mine")


NAMES = st.text("abc", min_size=1, max_size=2)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("ab #:", max_size=5) | st.floats(-9, 9),
    lambda inner: st.dictionaries(NAMES, inner, max_size=3) | st.lists(inner, max_size=2),
    max_leaves=8,
)
SECTIONS = st.dictionaries(NAMES, VALUES, max_size=4)


@given(SECTIONS)
@settings(deadline=None)
def test_what_is_written_says_the_same_values(values: dict[str, Any]) -> None:
    assert YAML(typ="safe").load(merging.written(values, "a")) == values
    assert list(merging.moved(values, values)) == []


def test_the_stage_writes_what_is_in_force_and_says_what_moved(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = Path(merging.WRITTEN)
    write("mine", "from: tiny\npair: {length_penalty: 0.02}\n")
    stage.main(Path("params"), out)
    assert capsys.readouterr().out == ""
    choose("mine")
    monkeypatch.setenv("DVC_STAGE", "pair@iter1")
    with pytest.raises(ParamsError, match=r"has other values than params/mine\.yaml\n  `dvc repro profile` renews it"):
        params.load()
    stage.main(Path("params"), out)
    assert capsys.readouterr().out == "pair.length_penalty 0.01 → 0.02\n"
    assert params.load().pair.length_penalty == 0.02


def test_every_profile_has_what_dvc_yaml_watches(project: Path) -> None:
    pipeline = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"].values()
    stages = [one.get("do", one) for one in pipeline]
    watched = {key for one in stages for entry in one.get("params", []) if isinstance(entry, dict)
               for key in entry.get(merging.WRITTEN, [])}  # fmt: skip
    assert len(watched) > 30
    for name in ("tiny", "real", "llama3-8b"):
        for key in watched:
            values: Any = merging.merged(name)
            for part in key.split("."):
                if "${" in part:  # a judge's name
                    break
                values = values[part]
