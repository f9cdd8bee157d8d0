"""Training with TRL: SFT → π₀, Bradley–Terry → the reward model, DPO → the next policy.

The same code trains the embedded 0.5M-parameter Llama and an 8B one; a section of params decides which. Checkpoints lie
in `work` (see trl_run.py).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from rlhf_data import notes
from rlhf_data.errors import PromptError, TableError
from rlhf_data.models import checkpoints, tokenizers
from rlhf_data.params.training import LlamaSize, PolicyParams, RewardParams, SftParams
from rlhf_data.schemas import LOGPS
from rlhf_data.training import stored_reference, trl_config, trl_run
from rlhf_data.training.trl_run import MASTER, as_dataset

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase


def train_sft(
    section: SftParams, messages: pl.DataFrame, tokenizer: Path, *, seed: int, work: Path, out: Path
) -> pl.DataFrame:
    """Trains π₀ on conversations (`messages`) and saves it at `out`; returns the training log, one row per step.

    With no epochs, π₀ is its base, with the tokenizer given, and the log has no row.
    """
    from trl import SFTTrainer

    loaded = checkpoints.tokenizer(tokenizer)
    if isinstance(section.base, LlamaSize):
        model = checkpoints.new_llama(section.base, loaded, seed=seed)
    else:
        model = checkpoints.causal(
            section.base, precision=MASTER, attention=section.attention, revision=section.revision
        )
        checkpoints.fit_embeddings(model, loaded)
    checkpoints.freeze(model, section.frozen_layers)
    if not section.epochs:
        return trl_run.untrained(model, loaded, section, out)
    trainer = SFTTrainer(
        model=model,
        args=trl_config.sft(section, seed=seed, out=work),
        train_dataset=as_dataset(messages),
        processing_class=loaded,
    )
    return trl_run.run(trainer, section, "train_sft", out)


def train_reward(
    section: RewardParams,
    pairs: pl.DataFrame,
    base: str | Path,
    *,
    seed: int,
    work: Path,
    out: Path,
    left_out: Callable[[pl.Series], None] = trl_run.ignored,
) -> pl.DataFrame:
    """Trains a reward model on comparisons (`pair_id`, `prompt`, `chosen`, `rejected`) and saves it at `out`.

    Long conversations are truncated on the left, as in the paper's code. Comparisons whose sides are alike then are not
    learnt from: `left_out` is told their ids.
    """
    from transformers import set_seed
    from trl import RewardTrainer

    tokenizer = checkpoints.tokenizer(base, section.revision)
    set_seed(seed)  # the head is new
    model = checkpoints.reward(base, precision=MASTER, attention=section.attention, revision=section.revision)
    checkpoints.fit_embeddings(model, tokenizer)
    checkpoints.freeze(model, section.frozen_layers)
    tokens = reward_tokens(pairs, tokenizer, max_length=section.max_length)
    left_out(pairs.filter(tokens["chosen_ids"] == tokens["rejected_ids"])["pair_id"])
    trainer = RewardTrainer(
        model=model,
        args=trl_config.reward(section, seed=seed, out=work),
        train_dataset=as_dataset(tell_apart(tokens)),
        processing_class=tokenizer,
    )
    return trl_run.run(trainer, section, "train_reward", out)


def reward_tokens(pairs: pl.DataFrame, tokenizer: PreTrainedTokenizerBase, *, max_length: int) -> pl.DataFrame:
    """Both sides of each comparison as token ids, cut from the left to `max_length`; says how many comparisons are."""
    prompts = pairs["prompt"].to_list()
    whole = pl.DataFrame(
        {
            f"{side}_ids": tokenizers.conversation_ids(prompts, pairs[side].to_list(), tokenizer, max_length + 1)
            for side in ("chosen", "rejected")
        }
    )
    longer = pl.any_horizontal(pl.all().list.len() > max_length)
    if cut := whole.select(longer.sum()).item():
        notes.say(f"{cut} of {whole.height} comparisons lose the beginning beyond {max_length} tokens")
    return whole.select(pl.all().list.tail(max_length))


def tell_apart(tokens: pl.DataFrame) -> pl.DataFrame:
    """The comparisons whose two sides are not the same tokens, as they are where all that differs was cut.

    Says how many are left out; raises `TableError` where none is left.
    """
    found = tokens.filter(pl.col("chosen_ids") != pl.col("rejected_ids"))
    if lost := tokens.height - found.height:
        notes.say(
            f"{lost} of {tokens.height} comparisons are left out: their sides differ only before the last "
            "train_reward.max_length tokens"
        )
    if found.is_empty():
        raise TableError("train_reward.max_length: cuts off all that tells two sides apart, in every comparison")
    return found


def train_policy(
    section: PolicyParams, history: pl.DataFrame, init: Path, *, seed: int, work: Path, out: Path
) -> pl.DataFrame:
    """Trains the next policy from `init` with DPO and saves it at `out`.

    `history` brings the reference's log-probabilities, so that no reference model is in memory.
    """
    model = checkpoints.causal(init, precision=MASTER, attention=section.attention)
    checkpoints.freeze(model, section.frozen_layers)
    trainer = stored_reference.trainer()(
        model=model,
        args=trl_config.policy(section, seed=seed, out=work),
        train_dataset=_preference_dataset(history),
        processing_class=checkpoints.tokenizer(init),
    )
    _refuse_lost_rows(trainer.train_dataset, history.height, section.max_length)
    return trl_run.run(trainer, section, "train_policy", out)


def open_reference(
    section: PolicyParams, reference: Path, *, batch_size: int, work: Path
) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Returns the function that gives parts of pairs their reference log-probabilities; its first call loads the model.

    A part's rows (`prompt_id`, `ref_chosen_logps`, `ref_rejected_logps`) come in the order of its pairs and are
    computed by TRL itself: in nats, summed over the response's tokens, its end of turn included.

    A part raises `PromptError` when a prompt alone fills `max_length`.
    """

    @cache
    def trainer() -> Any:
        from trl import DPOTrainer

        return DPOTrainer(
            model=checkpoints.causal(reference, precision=section.precision, attention=section.attention),
            args=trl_config.policy(section, seed=0, out=work),
            train_dataset=_preference_dataset(ANY_PAIR),
            processing_class=checkpoints.tokenizer(reference),
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
