"""Training with TRL: SFT → π₀, Bradley–Terry → the reward model, DPO → the next policy.

The same code trains the embedded 0.5M-parameter Llama and an 8B one; a section of params decides which.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from rlhf_data import arguments, models, tokenization
from rlhf_data.errors import EngineError, PromptError
from rlhf_data.sections import LlamaSize, PolicyParams, RewardParams, SftParams, Training

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase

# Weights are trained in fp32, with bf16 arithmetic where a section says so: in bf16 alone, a step of 5e-7 rounds to 0
MASTER = "fp32"


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
        train_dataset=_dataset(messages),
        processing_class=tokens,
    )
    return _run(trainer, section, out)


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
        train_dataset=_dataset(reward_tokens(pairs, tokens, max_length=section.max_length)),
        processing_class=tokens,
    )
    return _run(trainer, section, out)


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
    return _run(trainer, section, out)


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

    args = arguments.policy(section, seed=0, out=work)
    args.precompute_ref_batch_size = batch_size
    trainer = DPOTrainer(
        model=models.causal(reference, precision=section.precision, attention=section.attention),
        args=args,
        train_dataset=_preference_dataset(pairs),
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


def _preference_dataset(pairs: pl.DataFrame) -> Dataset:
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


def _run(trainer: Any, section: Training, out: Path) -> pl.DataFrame:
    import torch
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
    steps = [entry for entry in trainer.state.log_history if "loss" in entry]
    log = pl.DataFrame([{name: entry[key] for key, name in LOG_COLUMNS.items() if key in entry} for entry in steps])
    if not log["loss"].cast(pl.Float64).is_finite().all():
        raise EngineError(f"{out}: the loss became NaN or infinite; lower the learning rate")
    if trainer.is_world_process_zero():
        trainer.model.to(getattr(torch, models.DTYPES[section.precision])).save_pretrained(out)
        trainer.processing_class.save_pretrained(out)
    return log
