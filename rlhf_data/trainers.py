"""Training with TRL: SFT → π₀, Bradley–Terry → the reward model, DPO → the next policy.

The same code trains the embedded 0.5M-parameter Llama and an 8B one; a section of params decides which. A training
keeps checkpoints in `work` and goes on from the last one that it finds there, to the same weights and the same log:
the caller gives every job a folder of its own, and removes it once the model is safe.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from rlhf_data import arguments, models, tokenization
from rlhf_data.errors import EngineError, PromptError
from rlhf_data.schemas import LOGPS
from rlhf_data.sections import LlamaSize, PolicyParams, RewardParams, SftParams, Training

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase

# Weights are trained in fp32, with bf16 arithmetic where a section says so: in bf16 alone, a step of 5e-7 rounds to 0
MASTER = "fp32"

WHOLE = "whole"  # an empty file in a checkpoint of which every other file is written


def train_sft(
    section: SftParams, messages: pl.DataFrame, tokenizer: Path, *, seed: int, work: Path, out: Path
) -> pl.DataFrame:
    """Trains π₀ on conversations (`messages`) and saves it at `out`; returns the training log, one row a step."""
    from trl import SFTTrainer

    tokens = models.tokenizer(tokenizer)
    if isinstance(section.base, LlamaSize):
        model = models.new_llama(section.base, tokens, seed=seed)
    else:
        model = models.causal(section.base, precision=MASTER, attention=section.attention, revision=section.revision)
        models.fit_embeddings(model, tokens)
    trainer = SFTTrainer(
        model=model,
        args=arguments.sft(section, seed=seed, out=work),
        train_dataset=as_dataset(messages),
        processing_class=tokens,
    )
    return run(trainer, section, "train_sft", out)


def train_reward(
    section: RewardParams, pairs: pl.DataFrame, base: str | Path, *, seed: int, work: Path, out: Path
) -> pl.DataFrame:
    """Trains a reward model on comparisons (`prompt`, `chosen`, `rejected`) and saves it at `out`.

    Long conversations lose their beginning, as in the paper's code; none is dropped.
    """
    from transformers import set_seed
    from trl import RewardTrainer

    tokens = models.tokenizer(base, section.revision)
    set_seed(seed)  # the head is new
    model = models.reward(base, precision=MASTER, attention=section.attention, revision=section.revision)
    models.fit_embeddings(model, tokens)
    trainer = RewardTrainer(
        model=model,
        args=arguments.reward(section, seed=seed, out=work),
        train_dataset=as_dataset(reward_tokens(pairs, tokens, max_length=section.max_length)),
        processing_class=tokens,
    )
    return run(trainer, section, "train_reward", out)


def reward_tokens(pairs: pl.DataFrame, tokens: PreTrainedTokenizerBase, *, max_length: int) -> pl.DataFrame:
    """Both sides of each comparison as token ids, cut from the left to `max_length`."""
    return pl.DataFrame(
        {
            f"{side}_ids": tokenization.conversation_ids(
                pairs["prompt"].to_list(), pairs[side].to_list(), tokens, max_length
            )
            for side in ("chosen", "rejected")
        }
    )


def train_policy(
    section: PolicyParams, history: pl.DataFrame, init: Path, *, seed: int, work: Path, out: Path
) -> pl.DataFrame:
    """Trains the next policy from `init` with DPO and saves it at `out`.

    `history` brings the reference's log-probabilities, so that no reference model is in memory.
    """
    trainer = _dpo_trainer()(
        model=models.causal(init, precision=MASTER, attention=section.attention),
        args=arguments.policy(section, seed=seed, out=work),
        train_dataset=_preference_dataset(history),
        processing_class=models.tokenizer(init),
    )
    _refuse_lost_rows(trainer.train_dataset, history.height, section.max_length)
    return run(trainer, section, "train_policy", out)


def open_reference(
    section: PolicyParams, reference: Path, *, batch_size: int, work: Path
) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """What is returned gives any number of parts of pairs their log-probabilities; the first one loads the reference.

    A part's rows (`prompt_id`, `ref_chosen_logps`, `ref_rejected_logps`) come in the order of its pairs and are
    computed by TRL itself: in nats, summed over the response's tokens, its end of turn included.

    A part raises `PromptError` when a prompt alone fills `max_length`.
    """

    @cache
    def trainer() -> Any:
        from trl import DPOTrainer

        return DPOTrainer(
            model=models.causal(reference, precision=section.precision, attention=section.attention),
            args=arguments.policy(section, seed=0, out=work),
            train_dataset=_preference_dataset(ANY_PAIR),
            processing_class=models.tokenizer(reference),
        )

    def logps(pairs: pl.DataFrame) -> pl.DataFrame:
        if pairs.is_empty():
            return pl.DataFrame(schema=REFERENCE_COLUMNS)
        made = trainer()
        tokens = made._prepare_dataset(_preference_dataset(pairs), made.processing_class, made.args, "reference")
        _refuse_lost_rows(tokens, pairs.height, section.max_length)
        found = made._precompute_ref_logps(tokens, "reference", batch_size)
        return pl.DataFrame({name: found[name][:] for name in REFERENCE_COLUMNS}, schema=REFERENCE_COLUMNS)

    return logps


REFERENCE_COLUMNS = {"prompt_id": pl.String, **dict.fromkeys(LOGPS, pl.Float32)}
# TRL's trainer is not made without a pair
ANY_PAIR = pl.DataFrame({"prompt": [[{"role": "user", "content": "1"}]], "chosen": ["2"], "rejected": ["3"]})


def _dpo_trainer() -> Any:
    from trl import DPOTrainer

    class HistoryDPOTrainer(DPOTrainer):  # type: ignore[misc]
        """TRL's trainer, except that log-probabilities which are there already are not computed again."""

        def _precompute_ref_logps(self, dataset: Dataset, name: str, batch_size: int) -> Dataset:
            missing = set(LOGPS) - set(dataset.column_names)
            if missing:
                raise EngineError(f"the {name} history lacks {', '.join(sorted(missing))}")
            return dataset

    return HistoryDPOTrainer


def _preference_dataset(pairs: pl.DataFrame) -> Dataset:
    """Conversational prompt, chosen and rejected, as TRL's preference format has them."""
    turn = pl.struct(role=pl.lit("assistant"), content=pl.element())
    table = pairs.with_columns(pl.concat_list("chosen").list.eval(turn), pl.concat_list("rejected").list.eval(turn))
    keep = [name for name in table.columns if name in DPO_COLUMNS]
    return as_dataset(table.select(keep))


DPO_COLUMNS = {"prompt_id", "prompt", "chosen", "rejected", *LOGPS}


def _refuse_lost_rows(dataset: Any, rows: int, max_length: int) -> None:
    # TRL drops, in silence, pairs whose prompt alone fills max_length
    if len(dataset) < rows:
        raise PromptError(
            f"{rows - len(dataset)} of {rows} pairs have prompts of {max_length} tokens or more, which DPO cannot use\n"
            "  raise train_policy.max_length or lower prompts.max_tokens"
        )


def as_dataset(table: pl.DataFrame) -> Dataset:
    from datasets import Dataset

    return Dataset(table.to_arrow())


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


def run(trainer: Any, section: Training, stage: str, out: Path) -> pl.DataFrame:
    """Trains as `fit` does, and saves at `out`; returns the log, one row a logged step."""
    import torch

    log = fit(trainer, section, stage)
    if trainer.is_world_process_zero():
        trainer.model.to(getattr(torch, models.DTYPES[section.precision])).save_pretrained(out)
        trainer.processing_class.save_pretrained(out)
    return log


def fit(trainer: Any, section: Training, stage: str) -> pl.DataFrame:
    """Trains, from the last whole checkpoint on; returns the log, one row a logged step."""
    from transformers.trainer_callback import PrinterCallback, ProgressCallback

    for printed in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(printed)
    for callback in _callbacks(trainer, section, stage):
        trainer.add_callback(callback)
    with trainer.accelerator.main_process_first():
        last = _last_checkpoint(Path(trainer.args.output_dir))
    trainer.train(resume_from_checkpoint=None if last is None else str(last))
    steps = [entry for entry in trainer.state.log_history if "loss" in entry]
    return pl.DataFrame([{name: entry[key] for key, name in LOG_COLUMNS.items() if key in entry} for entry in steps])


def _last_checkpoint(work: Path) -> Path | None:
    """The newest whole checkpoint in `work`; every other one is removed."""
    last = None
    found = {int(folder.name.rpartition("-")[2]): folder for folder in work.glob("checkpoint-*")}
    for _, folder in sorted(found.items(), reverse=True):
        whole = (folder / WHOLE).exists()
        if whole and last is None:
            last = folder
            continue
        if not whole:
            print(f"{folder}: cut short while it was written, removed", flush=True)
        shutil.rmtree(folder)
    return last


def _callbacks(trainer: Any, section: Training, stage: str) -> list[Any]:
    import torch
    from transformers import TrainerCallback
    from transformers.trainer_callback import ProgressCallback
    from transformers.trainer_pt_utils import LengthGroupedSampler

    class Progress(ProgressCallback):  # type: ignore[misc]
        """A bar that shows the loss, instead of a printed line a step."""

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **more: Any) -> None:
            if self.training_bar is not None and "loss" in (logs or {}):
                self.training_bar.set_postfix(loss=f"{float(logs['loss']):.3f}")

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
            if not math.isfinite(float(logs.get("loss", 0))):
                raise EngineError(
                    f"{stage}: the loss became NaN or infinite by step {state.global_step} of {state.max_steps}\n"
                    f"  lower {stage}.learning_rate"
                )

        def on_save(self, args: Any, state: Any, control: Any, **more: Any) -> None:
            self.saved = state.global_step
            trainer.accelerator.wait_for_everyone()
            if state.is_world_process_zero:
                (Path(args.output_dir) / f"checkpoint-{self.saved}" / WHOLE).touch()

    return [Progress(), Checkpoints()]
