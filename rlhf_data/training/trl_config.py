"""A section of params → TRL's arguments for its trainer."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlhf_data.errors import EngineError
from rlhf_data.params.training import PolicyParams, PreferenceParams, RewardParams, SftParams, Training

if TYPE_CHECKING:
    from trl import DPOConfig, RewardConfig, SFTConfig


def sft(section: SftParams, *, seed: int, out: Path) -> SFTConfig:
    """TRL's arguments for π₀ (paper, section 3.1)."""
    from trl import SFTConfig

    return SFTConfig(
        **_arguments(section, seed, out),
        max_length=section.max_length,
        packing=section.packing is not None,
        packing_strategy=section.packing or "bfd",
        assistant_only_loss=section.assistant_only_loss,
        train_sampling_strategy="group_by_length" if section.group_by_length else "random",
    )


def reward(section: RewardParams, *, seed: int, out: Path) -> RewardConfig:
    """TRL's arguments for the Bradley–Terry reward model (paper, section 2.1)."""
    from trl import RewardConfig

    return RewardConfig(**_arguments(section, seed, out), max_length=None)


def preference(section: PreferenceParams, *, seed: int, out: Path) -> SFTConfig:
    """TRL's arguments for the pairwise preference model (paper, section 2.1), whose rows are cut to length already."""
    from trl import SFTConfig

    return SFTConfig(
        **_arguments(section, seed, out),
        max_length=None if section.positions == "both" else section.max_length,  # a row there holds both orders
        packing=section.packing is not None,
        packing_strategy=section.packing or "bfd",
    )


def policy(section: PolicyParams, *, seed: int, out: Path) -> DPOConfig:
    """TRL's arguments for one iteration of DPO (paper, section 3.3)."""
    from trl import DPOConfig

    return DPOConfig(
        **_arguments(section, seed, out),
        max_length=section.max_length,
        beta=section.beta,
        loss_type=[section.loss],
        label_smoothing=section.label_smoothing,
        precompute_ref_log_probs=True,
    )


def _arguments(section: Training, seed: int, out: Path) -> dict[str, Any]:
    import torch

    devices = int(os.environ.get("WORLD_SIZE", "1"))  # as accelerate and torchrun set it
    accumulation, rest = divmod(section.batch_size, section.micro_batch_size * devices)
    if rest or not accumulation:
        raise EngineError(
            f"batch_size {section.batch_size} is no multiple of micro_batch_size {section.micro_batch_size} "
            f"× {devices} device(s)"
        )
    return {
        "output_dir": str(out),
        "seed": seed,
        "use_cpu": not torch.cuda.is_available(),
        "bf16": section.precision == "bf16",
        "per_device_train_batch_size": section.micro_batch_size,
        "gradient_accumulation_steps": accumulation,
        "learning_rate": section.learning_rate,
        "num_train_epochs": section.epochs,
        "lr_scheduler_type": section.lr_scheduler,
        "warmup_steps": section.warmup_ratio,  # below 1 it is a share of the steps
        "weight_decay": section.weight_decay,
        "adam_beta2": section.adam_beta2,
        "gradient_checkpointing": section.gradient_checkpointing,
        "logging_steps": section.logging_steps,
        "logging_first_step": True,  # so that even the shortest training has a curve
        "logging_nan_inf_filter": False,  # which would hide a lost run behind the mean of earlier losses
        "save_strategy": "no",  # on a schedule of its own; trl_run.py asks for checkpoints
        "save_total_limit": 2,  # the last one is not whole before it is written
        "report_to": "none",
        "dataloader_pin_memory": torch.cuda.is_available(),
    }
