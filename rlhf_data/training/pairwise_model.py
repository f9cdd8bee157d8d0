"""Training of the pairwise preference model with TRL: a language model that answers A or B (paper, section 2.1)."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from itertools import accumulate, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from rlhf_data import notes
from rlhf_data.errors import TableError
from rlhf_data.inference.protocols import ResponsePair
from rlhf_data.judges import pairwise_template
from rlhf_data.models import checkpoints
from rlhf_data.params.training import PreferenceParams
from rlhf_data.training import trl_config, trl_run

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

NOT_LEARNT = -100  # label of a token that torch's cross-entropy leaves out


def train_preference(
    section: PreferenceParams,
    shown: pl.DataFrame,
    base: str | Path,
    *,
    seed: int,
    work: Path,
    out: Path,
    left_out: Callable[[pl.Series], None] = trl_run.ignored,
) -> pl.DataFrame:
    """Trains a pairwise model on comparisons as they are shown (`both_orders.shown`) and saves it at `out`.

    Only the answer's token is learnt; comparisons that share a block do not see each other. With `self_distillation`
    more epochs follow. `left_out` is told the ids of comparisons that are not learnt from (`training_rows`). Returns
    the training log, one row per logged step.
    """
    tokenizer = checkpoints.tokenizer(base, section.revision)
    if section.own_tokens:
        pairwise_template.add_own_tokens(tokenizer)
    rows = training_rows(shown, tokenizer, max_length=section.max_length)
    left_out(shown.join(rows, on="pair_id", how="anti")["pair_id"].unique())
    if section.positions == "both":
        rows = together(rows)
    model = _initial(section, base, tokenizer, seed)

    def trainer(section: PreferenceParams, work: Path, teacher: Any = None) -> Any:
        return _answer_trainer()(
            section,
            teacher,
            model=model,
            args=trl_config.preference(section, seed=seed, out=work),
            train_dataset=trl_run.as_dataset(rows),
            processing_class=tokenizer,
        )

    first = trainer(section, work)
    if section.self_distillation is None:
        return _named(trl_run.run(first, section, "train_preference", out))

    log = trl_run.fit(first, section, "train_preference")
    first.optimizer, first.lr_scheduler = first.accelerator.free_memory(first.optimizer, first.lr_scheduler)
    more = replace(
        section, epochs=section.self_distillation.epochs, learning_rate=section.self_distillation.learning_rate
    )
    second = trainer(more, work / "self_distillation", _frozen_copy(model))
    more_log = trl_run.run(second, more, "train_preference", out)
    return _named(pl.concat([log, more_log.with_columns(pl.col("step") + first.state.global_step)]))


def _initial(section: PreferenceParams, base: str | Path, tokenizer: Any, seed: int) -> Any:
    from transformers import set_seed

    model = checkpoints.causal(base, precision=trl_run.MASTER, attention=section.attention, revision=section.revision)
    set_seed(seed)  # embeddings of tokens that are new
    checkpoints.fit_embeddings(model, tokenizer)
    checkpoints.freeze(model, section.frozen_layers)
    return model


def _named(log: pl.DataFrame) -> pl.DataFrame:
    return log.rename({"token_accuracy": "accuracy"})


def _frozen_copy(model: Any) -> Any:
    """The model as it is now; `deepcopy` would keep the `forward` that a trainer has bound to the original."""
    copy = type(model)(deepcopy(model.config))
    copy.load_state_dict(model.state_dict())
    return copy.to(model.device).eval().requires_grad_(False)


def _answer_trainer() -> Any:
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy
    from trl import SFTTrainer

    class AnswerTrainer(SFTTrainer):  # type: ignore[misc]
        """TRL's trainer with logits at the answers alone, and an optional distillation loss towards a teacher."""

        def __init__(self, section: PreferenceParams, teacher: Any, **given: Any) -> None:
            super().__init__(**given)
            if section.positions == "both":
                collate: Any = self.data_collator  # type: ignore[has-type]
                self.data_collator = lambda both: collate([row for one in both for row in apart(one)])
            self._letters = list(pairwise_template.letter_ids(given["processing_class"]))
            self._teacher = teacher
            self._teacher_weight = section.self_distillation.weight if section.self_distillation else 0.0

        def compute_loss(
            self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
        ) -> Any:
            labels = inputs.pop("labels")
            rows, places = (labels != NOT_LEARNT).nonzero(as_tuple=True)
            kept, at = (places - 1).unique(return_inverse=True)

            def read(reader: Any) -> Any:
                """Logits at the answers: (answers, vocabulary)."""
                return reader(**inputs, use_cache=False, logits_to_keep=kept).logits[rows, at].float()

            logits = read(model)
            answers = labels[rows, places]
            loss = cross_entropy(logits, answers, reduction="sum")
            if self._teacher is not None:
                with torch.no_grad():
                    wanted = mean_of_orders(self._for_first(read(self._teacher)).sigmoid())
                own = binary_cross_entropy_with_logits(self._for_first(logits), wanted, reduction="sum")
                loss = torch.lerp(loss, own, self._teacher_weight)
            right = (logits.argmax(dim=1) == answers).float().mean()
            mode = "train" if model.training else "eval"
            self._metrics[mode]["mean_token_accuracy"].append(self.accelerator.gather_for_metrics(right).mean().item())
            # as TRL: by the answers of a whole step, over all devices, whose gradients are averaged
            return loss * self.accelerator.num_processes / num_items_in_batch

        def _for_first(self, logits: Any) -> Any:
            """Log-odds of the response shown first."""
            first, second = self._letters
            return logits[:, first] - logits[:, second]

    return AnswerTrainer


def mean_of_orders(first: Any) -> Any:
    """P(first is better), averaged over the two orders of each comparison, which are consecutive rows."""
    import torch

    shown, turned = first[0::2], first[1::2]
    mean = (shown + 1 - turned) / 2
    return torch.stack([mean, 1 - mean], dim=1).flatten()


def training_rows(shown: pl.DataFrame, tokenizer: PreTrainedTokenizerBase, *, max_length: int) -> pl.DataFrame:
    """Each instruction with its answer: `pair_id`, `input_ids`, and `labels` of which the answer's alone is learnt.

    Comparisons are left out, and counted, of which the cut leaves nothing that tells the responses apart. Raises
    `TableError` where it leaves none.
    """
    comparisons = [ResponsePair(*row) for row in shown.select("prompt", "first", "second").iter_rows()]
    letters = pairwise_template.letter_ids(tokenizer)
    asked = pairwise_template.instructions(comparisons, tokenizer, max_length=max_length - 1)
    answers = [letters[0] if chosen_first else letters[1] for chosen_first in shown["chosen_first"]]
    rows = pl.DataFrame(
        {
            "pair_id": shown["pair_id"],
            "input_ids": [[*one.ids, answer] for one, answer in zip(asked, answers, strict=True)],
            "labels": [[NOT_LEARNT] * len(one.ids) + [answer] for one, answer in zip(asked, answers, strict=True)],
        },
        schema={"pair_id": pl.String, "input_ids": pl.List(pl.Int64), "labels": pl.List(pl.Int64)},
    )
    alike = rows.filter(pl.Series([one.alike for one in asked], dtype=pl.Boolean))
    found = rows.join(alike, on="pair_id", how="anti", maintain_order="left")  # in neither order
    if alike.height:
        notes.say(
            f"{alike['pair_id'].n_unique()} of {shown['pair_id'].n_unique()} comparisons are left out: their responses "
            "differ only after what train_preference.max_length leaves of them"
        )
    if found.is_empty() and not rows.is_empty():
        raise TableError(
            "train_preference.max_length: cuts off all that tells two responses apart, in every comparison"
        )
    return found


def together(rows: pl.DataFrame) -> pl.DataFrame:
    """Both orders of a pair concatenated to one row, so that they stay in one batch; `seq_lengths` has both lengths."""
    whole = rows.with_columns(seq_lengths=pl.col("input_ids").list.len().cast(pl.Int64))
    ends = pl.col("input_ids", "labels").explode()
    return whole.group_by("pair_id", maintain_order=True).agg(ends, "seq_lengths")


def apart(both: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows that `together` concatenated."""
    ends = pairwise([0, *accumulate(both["seq_lengths"])])
    return [{name: both[name][start:end] for name in ("input_ids", "labels")} for start, end in ends]
