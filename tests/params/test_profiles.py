from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rlhf_data import params
from rlhf_data.generation import vllm_engine
from rlhf_data.training import trl_config

ROOT = Path(__file__).parents[2]
PROFILES = sorted(path.stem for path in (ROOT / "params").glob("*.yaml"))


@pytest.fixture(autouse=True)
def at_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_the_profiles_that_the_readme_names() -> None:
    assert PROFILES == ["llama3-8b", "quick", "real", "smollm2", "tiny"]


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_builds_every_trainer_s_arguments(profile: str, tmp_path: Path) -> None:
    loaded = params.load_profile(profile)

    sft = trl_config.sft(loaded.train_sft, seed=1, out=tmp_path)
    reward = trl_config.reward(loaded.train_reward, seed=1, out=tmp_path)
    preference = trl_config.preference(loaded.train_preference, seed=1, out=tmp_path)
    policy = trl_config.policy(loaded.train_policy, seed=1, out=tmp_path)

    assert sft.packing
    assert reward.per_device_train_batch_size * reward.gradient_accumulation_steps == loaded.train_reward.batch_size
    assert policy.loss_type == ["sigmoid"]
    assert all(built.bf16 is (loaded.train_sft.precision == "bf16") for built in (sft, reward, preference, policy))


@pytest.mark.parametrize("profile", PROFILES)
def test_dvc_reads_the_pipeline_under_every_profile(profile: str, tmp_path: Path) -> None:
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("params", "stages", "rlhf_data"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    project = tmp_path / "params.yaml"
    project.write_text(project.read_text().replace("profile: tiny", f"profile: {profile}"))
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q", "--no-scm"], cwd=tmp_path, check=True)

    command = [sys.executable, "-m", "dvc", "dag", "--mermaid", "--collapse-foreach-matrix"]
    graph = subprocess.run(command, cwd=tmp_path, check=True, text=True, capture_output=True).stdout

    assert "train_policy" in graph
    assert "report" in graph


def test_the_paper_s_numbers() -> None:
    paper = params.load_profile("llama3-8b")

    sft = paper.train_sft  # section 3.1
    assert (sft.base, sft.learning_rate, sft.epochs, sft.batch_size) == ("meta-llama/Meta-Llama-3-8B", 2e-5, 1, 32)
    assert (sft.lr_scheduler, sft.warmup_ratio, sft.max_length, sft.packing) == ("cosine", 0.03, 8192, "bfd")
    reward = paper.train_reward  # section 2.1
    assert reward.base == "meta-llama/Meta-Llama-3-8B-Instruct"
    assert (reward.learning_rate, reward.epochs, reward.batch_size) == (2e-6, 1, 512)
    assert (reward.lr_scheduler, reward.warmup_ratio, reward.max_length) == ("cosine", 0.03, 4096)
    preference = paper.train_preference  # section 2.1; released configuration
    assert preference.base == "meta-llama/Meta-Llama-3-8B-Instruct"
    assert (preference.learning_rate, preference.epochs, preference.batch_size) == (5e-6, 1, 128)
    assert (preference.lr_scheduler, preference.warmup_ratio, preference.max_length) == ("cosine", 0.03, 3072)
    assert (preference.packing, preference.positions, preference.own_tokens) == ("bfd", "drawn", False)
    policy = paper.train_policy  # section 3.3
    assert (policy.learning_rate, policy.epochs, policy.batch_size, policy.beta) == (5e-7, 2, 128, 0.1)
    assert (policy.lr_scheduler, policy.warmup_ratio, policy.loss) == ("cosine", 0.03, "sigmoid")
    assert (policy.init, policy.scope) == ("previous", "cumulative")
    generate = paper.generate  # section 3.3
    assert (generate.engine, generate.samples, generate.temperatures, generate.max_tokens) == ("vllm", 8, [1.0], 2048)
    assert paper.prompts.per_iteration == 20_000
    assert len(params.project().iterations) == 3
    assert paper.pair.length_penalty == 0.001  # section 4.2, equation 9
    assert all(part.gradient_checkpointing and part.precision == "bf16" for part in (sft, reward, policy))


@pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vLLM is not installed")
@pytest.mark.filterwarnings("ignore")
def test_vllm_takes_the_paper_s_generation_arguments(policy_dir: Path) -> None:
    from vllm import EngineArgs

    section = params.load_profile("llama3-8b").generate
    engine = EngineArgs(**vllm_engine.vllm_arguments(policy_dir, section))
    sampling = vllm_engine.vllm_sampling(section, temperature=section.temperatures[0], seed=7)

    assert (engine.dtype, engine.max_model_len, engine.enable_prefix_caching) == ("bfloat16", 8192, True)
    assert (sampling.temperature, sampling.max_tokens, sampling.seed, sampling.top_p) == (1.0, 2048, 7, 1.0)
