"""The `job` column: a fingerprint of all that decides an expensive row's content, beside the row's own key."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from rlhf_data.sections import GenerateParams, PolicyParams, ScoreParams

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


def generation(policy: Path, section: GenerateParams, *, temperature: float) -> str:
    """Of a response: how many prompts a batch or a part holds does not decide it."""
    return job(
        policy,
        engine=section.engine,
        temperature=temperature,
        max_tokens=section.max_tokens,
        precision=section.precision,
    )


def scoring(reward_model: Path, section: ScoreParams, *, max_length: int) -> str:
    """Of a reward."""
    return job(reward_model, precision=section.precision, max_length=max_length)


def reference(model: Path, section: PolicyParams) -> str:
    """Of a pair's reference log-probabilities: β, the loss and the learning rate do not decide them."""
    return job(model, precision=section.precision, max_length=section.max_length)
