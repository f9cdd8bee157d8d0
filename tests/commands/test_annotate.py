"""Simulated annotators label what a real one-layer policy answers; what is answered is not answered again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from rlhf_data import commands
from rlhf_data.errors import ParamsError, SourceError
from rlhf_data.generation import transformers_engine
from rlhf_data.params import profiles
from rlhf_data.sources import formats, raw
from rlhf_data.sources.records import Comparison

ROOT = Path(__file__).parents[2]
PAIRS = "data/annotated/pairs.jsonl"


@pytest.fixture(scope="module")
def policy(policy_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tests' policy with room for a request, whose words are many tokens to it."""
    folder = tmp_path_factory.mktemp("roomy") / "policy"
    shutil.copytree(policy_dir, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 256}))
    return folder


@pytest.fixture
def project(policy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(ROOT / "params", tmp_path / "params")
    shutil.copy(ROOT / "params.yaml", tmp_path)
    (tmp_path / "dvc.yaml").touch()
    changed(tmp_path / "params.yaml", profile="smollm2")
    changed(tmp_path / "params/smollm2.yaml", train_sft={"base": str(policy), "epochs": 0},
            annotate={"source": "requests_pairs", "requests": 12, "samples": 4, "sharpness": 6.0},
            generate={"max_tokens": 12, "max_model_len": 192, "part_prompts": 8})  # fmt: skip
    monkeypatch.chdir(tmp_path)
    return tmp_path


def changed(path: Path, **values: Any) -> None:
    yaml = YAML()
    found = yaml.load(path)
    found.update(values)
    yaml.dump(found, path)


def annotate(project: Path) -> str:
    done = CliRunner().invoke(commands.app, ["annotate", "--project", str(project)])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.output


def test_labels_are_comparisons_of_the_policys_answers(project: Path) -> None:
    said = annotate(project)
    found = [json.loads(line) for line in (project / PAIRS).read_text().splitlines()]
    assert f"{PAIRS}: {len(found)} comparisons of 48 answers to 12 requests" in said
    assert 0 < len(found) <= 24
    parse = formats.parser("labelled", "preferences")
    for record in found:
        (comparison,) = parse(record)
        assert isinstance(comparison, Comparison)
        assert comparison.chosen != comparison.rejected
        assert 0 < record["label_probability"] < 1
    first = (project / PAIRS).read_bytes()
    assert "48 from the previous version, 0 from an interrupted run, 0 to compute" in annotate(project)
    assert (project / PAIRS).read_bytes() == first


def test_an_interrupted_run_goes_on(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    annotate(project)
    whole = (project / PAIRS).read_bytes()
    shutil.rmtree(project / "data")
    draw, batches = transformers_engine.TransformersGenerator._written, list[int]()

    def killed(self: Any, batch: list[Any]) -> list[list[int]]:
        batches.append(len(batch))
        if len(batches) == 3:
            raise KeyboardInterrupt
        return draw(self, batch)

    changed(project / "params/smollm2.yaml", generate={"max_tokens": 12, "max_model_len": 192, "batch_size": 8})
    monkeypatch.setattr(transformers_engine.TransformersGenerator, "_written", killed)
    annotate(project)
    assert not (project / PAIRS).exists()
    monkeypatch.undo()
    monkeypatch.chdir(project)
    assert "16 from an interrupted run, 32 to compute" in annotate(project)
    assert (project / PAIRS).read_bytes() == whole


def test_other_labels_say_how_they_are_read(project: Path) -> None:
    assert "--single-item ingest" not in annotate(project)
    changed(project / "params/smollm2.yaml",
            annotate={"source": "requests_pairs", "requests": 11, "samples": 4, "sharpness": 6.0})  # fmt: skip
    said = annotate(project)
    assert "44 from the previous version, 0 from an interrupted run, 0 to compute" in said
    assert "`dvc repro --force --single-item ingest` reads them" in said


def test_labels_that_are_not_there(project: Path) -> None:
    profile = profiles.load(project)
    with pytest.raises(SourceError, match=r"pairs\.jsonl: absent\n  `rlhf-data annotate` writes it"):
        raw.records(profile.ingest.sources["requests_pairs"], Path(profile.ingest.root))  # type: ignore[arg-type]


@pytest.mark.parametrize(("profile", "values", "said"), [
    ("tiny", {}, "the profile has no section annotate"),
    ("smollm2", {"annotate": {"source": "requests", "requests": 2, "samples": 2, "sharpness": 1.0}}, "annotate.source"),
    ("smollm2", {"annotate": {"source": "requests_pairs", "requests": 2, "samples": 3, "sharpness": 1.0}}, "of 2"),
])  # fmt: skip
def test_what_cannot_be_labelled(project: Path, profile: str, values: dict[str, Any], said: str) -> None:
    changed(project / "params.yaml", profile=profile)
    changed(project / f"params/{profile}.yaml", **values)
    with pytest.raises(ParamsError, match=said):
        annotate(project)


def test_the_profile_names_sources_of_its_own(project: Path) -> None:
    profile = profiles.load(project)
    kinds = {name: source.kind for name, source in profile.ingest.sources.items()}
    assert kinds == {"requests_pairs": "preferences", "requests": "prompts", "requests_held_out": "prompts"}
    assert profile.prompts.held_out == ["requests_held_out"]
