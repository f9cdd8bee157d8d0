"""Sections of what is trained: `tokenizer`, `train_sft`, `train_reward`, `train_preference`, `train_policy`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from rlhf_data.params.fields import Count, Positive, Rate, Share, section


@section
class TokenizerParams:
    """Either a new byte-level BPE (`vocab_size`), or the tokenizer of `hub`."""

    hub: str | None
    revision: str | None
    vocab_size: Annotated[int, Field(ge=300)] | None

    @model_validator(mode="after")
    def is_one_of_two(self) -> TokenizerParams:
        if (self.hub is None) == (self.vocab_size is None):
            raise ValueError("give either hub or vocab_size, and null for the other")
        return self


@section
class LlamaSize:
    """A Llama to be trained from scratch; embeddings are tied."""

    hidden_size: Positive
    intermediate_size: Positive
    layers: Positive
    heads: Positive
    context: Positive  # tokens


@section
class Training:
    """What every trainer needs."""

    learning_rate: Rate
    epochs: Positive
    batch_size: Positive  # global: rows (SFT: packed blocks) per step, over all devices
    micro_batch_size: Positive  # rows that a device holds at once; the rest is accumulated
    warmup_ratio: Share
    lr_scheduler: Literal["cosine", "linear", "constant_with_warmup"]
    weight_decay: Annotated[float, Field(ge=0)]
    adam_beta2: Share
    max_length: Positive  # tokens
    precision: Literal["fp32", "bf16"]
    gradient_checkpointing: bool
    attention: Literal["sdpa", "eager", "flash_attention_2"]
    logging_steps: Positive
    save_steps: Positive  # between checkpoints, which an interrupted training goes on from
    frozen_layers: Count = 0  # the lowest layers, which are not trained, nor are the embeddings then

    @model_validator(mode="after")
    def accumulates_whole_batches(self) -> Training:
        if self.batch_size % self.micro_batch_size:
            raise ValueError(f"batch_size {self.batch_size} is no multiple of micro_batch_size {self.micro_batch_size}")
        return self


@section
class SftParams(Training):
    """SFT of π₀ (paper, section 3.1)."""

    base: LlamaSize | str  # a new model, or a hub id or folder
    revision: str | None
    epochs: Count  # 0: π₀ is the base as it is
    packing: Literal["bfd", "bfd_split", "wrapped"] | None  # as TRL names them; null pads instead
    assistant_only_loss: bool
    group_by_length: bool  # batches of like length, where nothing is packed

    @model_validator(mode="after")
    def has_weights(self) -> SftParams:
        if not self.epochs and isinstance(self.base, LlamaSize):
            raise ValueError("epochs 0 needs a base that is trained: a hub id or folder")
        return self


@section
class RewardParams(Training):
    """The Bradley–Terry reward model (paper, section 2.1)."""

    base: str  # `iter0` starts from π₀; else a hub id or folder
    revision: str | None


@section
class SelfDistillation:
    """More epochs towards the model's own mean over both orders, as it was before them.

    That mean has no position bias and less noise than labels, so both orders of a comparison agree more often.
    """

    epochs: Positive
    learning_rate: Rate
    weight: Annotated[float, Field(gt=0, le=1)]  # of this loss; the labels' has the rest


@section
class PreferenceParams(Training):
    """The pairwise preference model: a language model that answers A or B (paper, section 2.1)."""

    base: str  # `iter0` starts from π₀; else a hub id or folder
    revision: str | None
    packing: Literal["bfd"] | None  # whole comparisons in blocks of max_length tokens, best fit first; null pads
    # the chosen's position is drawn by hash (paper), or each comparison is learnt in both orders, in one batch: a bias
    # for a letter then cancels out
    positions: Literal["drawn", "both"]
    own_tokens: bool  # the template's fixed parts become tokens of their own: half the tokens of short comparisons
    self_distillation: SelfDistillation | None

    @model_validator(mode="after")
    def keeps_orders_together(self) -> PreferenceParams:
        if self.packing is not None and self.positions == "both":
            raise ValueError("positions: both keeps both orders in one batch; packing must be null")
        if self.self_distillation is not None and self.positions == "drawn":
            raise ValueError("self_distillation is towards the mean of both orders; positions must be both")
        return self


@section
class PolicyParams(Training):
    """DPO against π₀ (paper, section 3.3)."""

    beta: Rate  # the paper's η
    loss: Literal["sigmoid", "ipo", "robust", "hinge"]
    label_smoothing: Share  # `robust` only: TRL's sigmoid would ignore it
    init: Literal["previous", "iter0"]
    scope: Literal["cumulative", "current"]  # all pairs so far (paper, Algorithm 1), or this iteration's

    @model_validator(mode="after")
    def smooths_only_where_the_loss_does(self) -> PolicyParams:
        if self.label_smoothing and self.loss != "robust":
            raise ValueError(f"label_smoothing needs loss: robust; {self.loss} would ignore it")
        return self
