"""Training with TRL: SFT → π₀, Bradley–Terry → the reward model, DPO → the next policy.

The same code trains the embedded 0.5M-parameter Llama and an 8B one; a section of params decides which.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from rlhf_data import models, tokenization
from rlhf_data.errors import EngineError, PromptError
from rlhf_data.params import LlamaSize, PolicyParams, RewardParams, SftParams, Training

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase
    from trl import DPOConfig, RewardConfig, SFTConfig


def sft_config(section: SftParams, *, seed: int, out: Path) -> SFTConfig:
    """TRL's arguments for π₀ (paper, section 3.1)."""
    from trl import SFTConfig

    return SFTConfig(
        **_arguments(section, seed, out),
        max_length=section.max_length,
        packing=section.packing is not None,
        packing_strategy=section.packing or "bfd",
        assistant_only_loss=section.assistant_only_loss,
    )


def reward_config(section: RewardParams, *, seed: int, out: Path) -> RewardConfig:
    """TRL's arguments for the Bradley–Terry reward model (paper, section 2.1)."""
    from trl import RewardConfig

    return RewardConfig(**_arguments(section, seed, out), max_length=None)


def policy_config(section: PolicyParams, *, seed: int, out: Path) -> DPOConfig:
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


def train_sft(
    section: SftParams, messages: pl.DataFrame, tokenizer: Path, *, seed: int, work: Path, out: Path
) -> pl.DataFrame:
    """Trains π₀ on conversations (`messages`) and saves it at `out`; returns the training log, one row a step."""
    from trl import SFTTrainer

    tokens = models.tokenizer(tokenizer)
    if isinstance(section.base, LlamaSize):
        model = models.new_llama(section.base, tokens, seed=seed)
    else:
        model = models.causal(
            section.base, precision=section.precision, attention=section.attention, revision=section.revision
        )
        models.fit_embeddings(model, tokens)
    trainer = SFTTrainer(
        model=model,
        args=sft_config(section, seed=seed, out=work),
        train_dataset=_dataset(messages),
        processing_class=tokens,
    )
    return _run(trainer, out)


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
    model = models.reward(base, precision=section.precision, attention=section.attention, revision=section.revision)
    models.fit_embeddings(model, tokens)
    trainer = RewardTrainer(
        model=model,
        args=reward_config(section, seed=seed, out=work),
        train_dataset=_dataset(reward_tokens(pairs, tokens, max_length=section.max_length)),
        processing_class=tokens,
    )
    return _run(trainer, out)


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
        model=models.causal(init, precision=section.precision, attention=section.attention),
        args=policy_config(section, seed=seed, out=work),
        train_dataset=_preference_dataset(history, section.max_length),
        processing_class=models.tokenizer(init),
    )
    _refuse_lost_rows(trainer.train_dataset, history.height, section.max_length)
    return _run(trainer, out)


def reference_logps(
    section: PolicyParams, pairs: pl.DataFrame, reference: Path, *, batch_size: int, work: Path
) -> pl.DataFrame:
    """`prompt_id`, `ref_chosen_logps` and `ref_rejected_logps` of each pair, computed by TRL itself.

    In nats, summed over the response's tokens, its end of turn included.
    """
    columns = {"prompt_id": pl.String, "ref_chosen_logps": pl.Float32, "ref_rejected_logps": pl.Float32}
    if pairs.is_empty():
        return pl.DataFrame(schema=columns)
    from trl import DPOTrainer

    args = policy_config(section, seed=0, out=work)
    args.precompute_ref_batch_size = batch_size
    trainer = DPOTrainer(
        model=models.causal(reference, precision=section.precision, attention=section.attention),
        args=args,
        train_dataset=_preference_dataset(pairs, section.max_length),
        processing_class=models.tokenizer(reference),
    )
    dataset: Any = trainer.train_dataset
    _refuse_lost_rows(dataset, pairs.height, section.max_length)
    return pl.DataFrame({name: dataset[name][:] for name in columns}, schema=columns)


def _dpo_trainer() -> Any:
    from trl import DPOTrainer

    class HistoryDPOTrainer(DPOTrainer):  # type: ignore[misc]
        """TRL's trainer, except that log-probabilities which are there already are not computed again."""

        def _precompute_ref_logps(self, dataset: Dataset, name: str, batch_size: int) -> Dataset:
            missing = {"ref_chosen_logps", "ref_rejected_logps"} - set(dataset.column_names)
            if missing:
                raise EngineError(f"the {name} history lacks {', '.join(sorted(missing))}")
            return dataset

    return HistoryDPOTrainer


def _preference_dataset(pairs: pl.DataFrame, max_length: int) -> Dataset:
    """Conversational prompt, chosen and rejected, as TRL's preference format has them."""
    turn = pl.struct(role=pl.lit("assistant"), content=pl.element())
    table = pairs.with_columns(pl.concat_list("chosen").list.eval(turn), pl.concat_list("rejected").list.eval(turn))
    keep = [name for name in table.columns if name in DPO_COLUMNS]
    return _dataset(table.select(keep))


DPO_COLUMNS = {"prompt_id", "prompt", "chosen", "rejected", "ref_chosen_logps", "ref_rejected_logps"}


def _refuse_lost_rows(dataset: Any, rows: int, max_length: int) -> None:
    # TRL drops, in silence, pairs whose prompt alone fills max_length
    if len(dataset) < rows:
        raise PromptError(
            f"{rows - len(dataset)} of {rows} pairs have prompts of {max_length} tokens or more, which DPO cannot use\n"
            "  raise train_policy.max_length or lower prompts.max_tokens"
        )


def _dataset(table: pl.DataFrame) -> Dataset:
    from datasets import Dataset

    return Dataset(table.to_arrow())


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
        "train_sampling_strategy": "group_by_length" if section.group_by_length else "random",
        "logging_steps": section.logging_steps,
        "logging_nan_inf_filter": False,  # which would hide a lost run behind the mean of earlier losses
        "save_strategy": "no",
        "report_to": "none",
        "dataloader_pin_memory": torch.cuda.is_available(),
    }


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


def _run(trainer: Any, out: Path) -> pl.DataFrame:
    from transformers.trainer_callback import PrinterCallback, ProgressCallback

    class Progress(ProgressCallback):  # type: ignore[misc]
        """A bar that shows the loss, instead of a printed line a step."""

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **more: Any) -> None:
            if self.training_bar is not None and "loss" in (logs or {}):
                self.training_bar.set_postfix(loss=f"{float(logs['loss']):.3f}")

    for printed in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(printed)
    trainer.add_callback(Progress)
    trainer.train()
    if trainer.is_world_process_zero():
        trainer.model.save_pretrained(out)
        trainer.processing_class.save_pretrained(out)
    steps = [entry for entry in trainer.state.log_history if "loss" in entry]
    rows = [{name: entry[key] for key, name in LOG_COLUMNS.items() if key in entry} for entry in steps]
    log = pl.DataFrame(rows)
    if not log.filter(~pl.col("loss").cast(pl.Float64).is_finite()).is_empty():
        raise EngineError(f"{out}: the loss became NaN or infinite; lower the learning rate")
    return log
