"""Fingerprints (the column `job`): hashes of what decides an expensive row's content, beside the row's own key."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from rlhf_data.hashing import sha256
from rlhf_data.params.judges import LlmJudge, PairwiseJudge, ScoreParams
from rlhf_data.params.loop import GenerateParams
from rlhf_data.params.training import PolicyParams, Training

HEX_DIGITS = 16


def job(checkpoint: Path, **settings: object) -> str:
    """A hash of a checkpoint's files (weights, tokenizer, chat template) and of the settings that matter."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for path in sorted(checkpoint.rglob("*")):
        if path.is_file():
            digest.update(f"\n{path.relative_to(checkpoint)}\n".encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:HEX_DIGITS]


def generation(policy: Path, section: GenerateParams) -> str:
    """Fingerprint of a response, beside its seed and temperature: the sizes of batches and parts do not decide it."""
    return job(policy, engine=section.engine, max_tokens=section.max_tokens, precision=section.precision)


def scoring(reward_model: Path, section: ScoreParams, *, max_length: int) -> str:
    """Fingerprint of a reward, beside the text it is of."""
    return job(reward_model, engine=section.engine, precision=section.precision, max_length=max_length)


def judging(model: Path, judge: PairwiseJudge | LlmJudge) -> str:
    """Fingerprint of a verdict, beside the comparison it is on; a reward model's is `scoring`.

    Sizes of batches do not decide it, nor how many verdicts make a ranking.
    """
    leaves_alone = ("batch_tokens", "batch_size", "ranking")
    settings = {name: value for name, value in asdict(judge).items() if name not in leaves_alone}
    if settings.get("reasoning") is False:  # as before there was the choice
        del settings["reasoning"]
    return job(model, **settings)


def reference(model: Path, section: PolicyParams) -> str:
    """Fingerprint of a pair's reference log-probabilities: β, the loss and the learning rate do not decide them."""
    return job(model, precision=section.precision, max_length=section.max_length)


def logprobs(policy: Path, model: Path, section: PolicyParams) -> str:
    """Fingerprint of a response's log-probabilities under the policy that wrote it and another model."""
    return job(policy, precision=section.precision, other=job(model))


def training(section: Training, *inputs: str | Path, seed: int) -> str:
    """Fingerprint of a training's checkpoints; `inputs` are the tables, folders and hub ids that it starts from.

    How often it logs or saves does not decide them.
    """
    settings = {name: value for name, value in asdict(section).items() if name not in ("logging_steps", "save_steps")}
    digest = hashlib.sha256(json.dumps({**settings, "seed": seed}, sort_keys=True).encode())
    for path in map(Path, inputs):
        digest.update(f"\n{job(path) if path.is_dir() else sha256(path) if path.exists() else path}".encode())
    return digest.hexdigest()[:HEX_DIGITS]
