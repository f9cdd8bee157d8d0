"""What many tests need, made once: small real models, and a finished run of the whole pipeline."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

# before torch and transformers are loaded: no network, and one thread (the models are smaller than a thread's wake-up)
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1")

import projects
import pytest
from filelock import FileLock

from rlhf_data import params
from rlhf_data.models import checkpoints, tokenizers
from rlhf_data.params.profiles import Params
from rlhf_data.params.training import LlamaSize
from rlhf_data.world import records

ROOT = Path(__file__).parents[1]
SIZE = LlamaSize(hidden_size=64, intermediate_size=64, layers=1, heads=2, context=128)  # vLLM takes no heads below 32


# the files that take longest: no worker waits for one at the end, nor for the run that test_pipeline.py starts
FIRST = ("test_pipeline", "test_resume", "test_generation", "test_reward_model", "test_trainers", "test_reruns")


def pytest_configure() -> None:
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # users' Python writes bytecode, beside code that DVC hashes


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: FIRST.index(item.path.stem) if item.path.stem in FIRST else len(FIRST))


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What was attacked and refused, and one line that counts what was skipped, by reason."""
    attacks: dict[str, Counter[str]] = {}
    for report in terminalreporter.stats.get("passed", ()):
        for name, (kind, tried, refused) in report.user_properties:
            if name == "attack":
                attacks.setdefault(kind, Counter()).update(tried=tried, refused=refused)
    for kind, counts in sorted(attacks.items()):
        terminalreporter.write_line(f"attacks: {kind}: {counts['tried']} tried, {counts['refused']} refused")
    reports = terminalreporter.stats.get("skipped", ())
    skipped = Counter(report.longrepr[2].removeprefix("Skipped: ").split(": ")[0] for report in reports)
    if skipped:
        reasons = "; ".join(f"{number} × {reason}" for reason, number in skipped.most_common())
        terminalreporter.write_line(f"skipped {skipped.total()} tests: {reasons}")


@pytest.fixture
def refused(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Notes attacks of a kind that were tried, all of them refused, for the table at the end."""
    return lambda kind, tried=1: record_property("attack", (kind, tried, tried))


@pytest.fixture(scope="session")
def tiny() -> Params:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return params.load_profile("tiny")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of nothing but its params, where the test runs."""
    shutil.copy(ROOT / "params.yaml", tmp_path / "params.yaml")
    shutil.copytree(ROOT / "params", tmp_path / "params")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").touch()  # stages write again what lies in the data/ of a project
    return tmp_path


@pytest.fixture(scope="session")
def small_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the whole pipeline, committed to Git and pushed to its remote, once for all workers.

    To be read only; a test that changes it takes `projects.copied`. What `dvc repro` said is beside it, in repro.txt.
    """
    shared = tmp_path_factory.getbasetemp()
    shared = (shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared) / "pipeline"
    folder, said = shared / "project", shared / "repro.txt"
    with FileLock(shared.with_suffix(".lock")):
        if not said.exists():
            shutil.rmtree(shared, ignore_errors=True)  # of a worker that failed
            output = projects.dvc(projects.make(folder), "repro")
            projects.git(folder, "add", "-A")
            projects.git(folder, "commit", "-qm", "first")
            projects.dvc(folder, "push", "-q")
            said.write_text(output)
    return folder


@pytest.fixture(scope="session")
def tokenizer_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tokenizer"
    chats = records.records("instructions", 300, seed=0)
    texts = [message["content"] for chat in chats for message in chat["messages"]]
    tokenizers.train(texts, folder, vocab_size=600)
    return folder


@pytest.fixture(scope="session")
def policy_dir(tokenizer_dir: Path) -> Path:
    """Random weights, except that it ends its turn at about every sixth token."""
    folder = tokenizer_dir.with_name("policy")
    tokens = checkpoints.tokenizer(tokenizer_dir)
    model = checkpoints.new_llama(SIZE, tokens, seed=0)
    embedding = model.get_input_embeddings().weight.data
    embedding.mul_(4)
    embedding[:, 0] = 0.5
    embedding[tokens.eos_token_id, 0] = 1.5
    model.save_pretrained(folder)
    tokens.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def reward_dir(policy_dir: Path) -> Path:
    from transformers import set_seed

    folder = policy_dir.with_name("reward")
    set_seed(0)  # the head is new
    checkpoints.reward(policy_dir, precision="fp32").save_pretrained(folder)
    checkpoints.tokenizer(policy_dir).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def two_versions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small project in two versions, pushed: v2 has four prompts more and other rewards.

    Tests read it; those that change something copy it first.
    """
    import small_project

    folder = tmp_path_factory.mktemp("versions") / "project"
    project = small_project.make(folder, remote=folder.with_name("store"))
    small_project.write_tables(project, prompts=52, penalty=0.5)
    small_project.save(project, "v2")
    small_project.dvc("push", "-q", "--all-tags", cwd=project)
    return project
