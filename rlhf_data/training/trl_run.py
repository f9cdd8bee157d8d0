"""Runs a TRL trainer: resumes from its last checkpoint, logs, saves the model.

A training keeps checkpoints in its output folder and goes on from the last one that it finds there, to the same weights
and the same log: the caller gives every job a folder of its own, and removes it once the model is safe.
"""

from __future__ import annotations

import json
import math
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from rlhf_data import hashing
from rlhf_data.errors import EngineError
from rlhf_data.models import checkpoints
from rlhf_data.params.training import Training
from rlhf_data.storage.atomic import atomically

if TYPE_CHECKING:
    from datasets import Dataset

# Weights are trained in fp32, with bf16 arithmetic where a section says so: in bf16 alone, a step of 5e-7 rounds to 0
MASTER = "fp32"

WHOLE = "whole"  # in a checkpoint of which every other file is written: the hash of each

LOG_COLUMNS = {
    "step": "step",
    "loss": "loss",
    "learning_rate": "learning_rate",
    "grad_norm": "grad_norm",
    "accuracy": "accuracy",
    "margin": "margin",
    "rewards/accuracies": "accuracy",
    "rewards/margins": "margin",
    "mean_token_accuracy": "token_accuracy",
}


def ignored(pair_ids: pl.Series) -> None:
    """What becomes of comparisons that a training leaves out, where nobody asks."""


def as_dataset(table: pl.DataFrame) -> Dataset:
    """A table as the `Dataset` that TRL's trainers read."""
    from datasets import Dataset

    return Dataset(table.to_arrow())


def run(trainer: Any, section: Training, stage: str, out: Path) -> pl.DataFrame:
    """Trains as `fit` does, and saves at `out`; returns the log, one row per logged step."""
    log = fit(trainer, section, stage)
    if trainer.is_world_process_zero():
        checkpoints.save(trainer.model, section.precision, out)
        trainer.processing_class.save_pretrained(out)
    return log


def untrained(model: Any, tokenizer: Any, section: Training, out: Path) -> pl.DataFrame:
    """Saves a model at `out` as it is; returns the log of no steps."""
    checkpoints.save(model, section.precision, out)
    tokenizer.save_pretrained(out)
    return pl.DataFrame(schema={"step": pl.Int64, "loss": pl.Float64, "learning_rate": pl.Float64})


def fit(trainer: Any, section: Training, stage: str) -> pl.DataFrame:
    """Trains, from the last whole checkpoint on; returns the log, one row per logged step."""
    from transformers.trainer_callback import PrinterCallback, ProgressCallback

    for printed in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(printed)
    for callback in (_progress(), _checkpoints(trainer, section, stage)):
        trainer.add_callback(callback)
    with trainer.accelerator.main_process_first():
        last = _last_checkpoint(Path(trainer.args.output_dir), check=trainer.accelerator.is_main_process)
    trainer.train(resume_from_checkpoint=None if last is None else str(last))
    steps = [entry for entry in trainer.state.log_history if "loss" in entry]
    return pl.DataFrame([{name: entry[key] for key, name in LOG_COLUMNS.items() if key in entry} for entry in steps])


def _last_checkpoint(work: Path, *, check: bool) -> Path | None:
    """The newest whole checkpoint in `work`; every other one is removed.

    With `check`, a whole one is known by the hash of its files: the first process leaves only those to the others.
    """
    last = None
    found = {int(folder.name.rpartition("-")[2]): folder for folder in work.glob("checkpoint-*")}
    for _, folder in sorted(found.items(), reverse=True):
        whole = (folder / WHOLE).exists() and (not check or _is_as_written(folder))
        if whole and last is None:
            last = folder
            continue
        if not whole:
            print(f"{folder}: cut short while it was written, or damaged since; removed", flush=True)
        shutil.rmtree(folder)
    return last


def _is_as_written(checkpoint: Path) -> bool:
    found = hashing.files(checkpoint)
    del found[WHOLE]
    try:
        return bool(json.loads((checkpoint / WHOLE).read_text(encoding="utf8")) == found)
    except ValueError:
        return False


def _progress() -> Any:
    from transformers.trainer_callback import ProgressCallback

    class Progress(ProgressCallback):  # type: ignore[misc]
        """A progress bar with the loss, instead of a printed line per step."""

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **more: Any) -> None:
            if self.training_bar is not None and "loss" in (logs or {}):
                self.training_bar.set_postfix(loss=f"{float(logs['loss']):.3f}", refresh=sys.stderr.isatty())

    return Progress()


def _refuse_diverged(stage: str, state: Any, logs: dict[str, Any]) -> None:
    if not math.isfinite(float(logs.get("loss", 0))):
        raise EngineError(
            f"{stage}: the loss became NaN or infinite by step {state.global_step} of {state.max_steps}\n"
            f"  lower {stage}.learning_rate"
        )


def _checkpoints(trainer: Any, section: Training, stage: str) -> Any:
    import torch
    from transformers import TrainerCallback
    from transformers.trainer_pt_utils import LengthGroupedSampler

    class Checkpoints(TrainerCallback):  # type: ignore[misc]
        """A checkpoint at the first logged step that is `save_steps` or more after the last one.

        At a logged step no mean of earlier steps is pending, which a checkpoint would not hold.
        """

        saved = 0

        def on_train_begin(self, args: Any, state: Any, control: Any, **more: Any) -> None:
            self.saved = state.global_step
            state.logging_steps = args.logging_steps  # a checkpoint brings those it was made with
            if self.saved and state.is_world_process_zero:
                print(f"{stage}: goes on from step {self.saved} of {state.max_steps} ({args.output_dir})", flush=True)

        def on_epoch_begin(self, args: Any, state: Any, control: Any, train_dataloader: Any, **more: Any) -> None:
            # by itself this sampler draws from the global generator, which a checkpoint holds as it was in mid-epoch
            if isinstance(sampler := train_dataloader.get_sampler(), LengthGroupedSampler):
                sampler.generator = torch.Generator().manual_seed(args.seed + int(state.epoch or 0))

        def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
            due = state.global_step - self.saved >= section.save_steps and state.global_step < state.max_steps
            control.should_save = due and control.should_log

        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any], **more: Any) -> None:
            _refuse_diverged(stage, state, logs)

        def on_save(self, args: Any, state: Any, control: Any, **more: Any) -> None:
            self.saved = state.global_step
            trainer.accelerator.wait_for_everyone()
            if state.is_world_process_zero:
                folder = Path(args.output_dir) / f"checkpoint-{self.saved}"
                text = json.dumps(hashing.files(folder))
                atomically(folder / WHOLE, lambda partial: partial.write_text(text, encoding="utf8"))

    return Checkpoints()
