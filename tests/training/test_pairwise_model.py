"""Real trainings of a few steps: what a pairwise model learns from, whole, packed and after an interruption."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
import pytest
import torch

from rlhf_data.errors import TableError
from rlhf_data.inference.protocols import ResponsePair
from rlhf_data.judges import pairwise_template
from rlhf_data.judges.pairwise_model import PairwiseModel
from rlhf_data.models import checkpoints
from rlhf_data.params.judges import PairwiseJudge
from rlhf_data.params.profiles import Params
from rlhf_data.params.training import PreferenceParams, SelfDistillation
from rlhf_data.schemas import Message
from rlhf_data.training import pairwise_model, trl_config, trl_run

ASKED: list[Message] = [{"role": "user", "content": "What is 5 minus 1?"}]
LONG: list[Message] = [{"role": "user", "content": "Tell me. " * 40 + "What is 5 minus 1?"}]
COMPARISONS = [ResponsePair(ASKED, f"It is {n}. " * (1 + n % 3), "I am not sure about that.") for n in range(12)]
CHOSEN_FIRST = [n % 3 > 0 for n in range(12)]


def table(rows: list[ResponsePair], chosen_first: list[bool]) -> pl.DataFrame:
    shown = pl.DataFrame(rows, schema=["prompt", "first", "second"], orient="row")
    return shown.with_columns(chosen_first=pl.Series(chosen_first), pair_id=pl.int_range(pl.len()).cast(pl.String))


SHOWN = table(COMPARISONS, CHOSEN_FIRST)


def in_both_orders() -> pl.DataFrame:
    swapped = SHOWN.select("prompt", "pair_id", first="second", second="first", chosen_first=~pl.col("chosen_first"))
    return pl.concat([SHOWN.select(swapped.columns), swapped])


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A training leaves nothing where it is run."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    yield
    assert list(folder.iterdir()) == []


@pytest.fixture
def section(tiny: Params) -> PreferenceParams:
    return replace(tiny.train_preference, base="iter0", max_length=128, batch_size=2, micro_batch_size=1, epochs=2,
                   learning_rate=1e-3, logging_steps=2, save_steps=3, packing=None, positions="drawn",
                   own_tokens=False, self_distillation=None)  # fmt: skip


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


def test_only_the_answer_is_learnt(policy_dir: Path) -> None:
    tokens = checkpoints.tokenizer(policy_dir)
    rows = pairwise_model.training_rows(SHOWN, tokens, max_length=128)
    assert rows.height == SHOWN.height
    columns = rows.select("input_ids", "labels")
    for (ids, labels), one, chosen_first in zip(columns.iter_rows(), COMPARISONS, CHOSEN_FIRST, strict=True):
        answer = "A" if chosen_first else "B"
        assert tokens.decode(ids) == f"<|user|>{pairwise_template.instruction(one)}<|eot|><|assistant|>{answer}"
        assert labels == [-100] * (len(ids) - 1) + [ids[-1]]


def test_long_comparisons_fill_the_length_with_their_answer(policy_dir: Path) -> None:
    shown = table([COMPARISONS[0], ResponsePair(LONG, "4", "5"), ResponsePair(ASKED, "4 " * 200, "4")], [True] * 3)
    rows = pairwise_model.training_rows(shown, checkpoints.tokenizer(policy_dir), max_length=100)
    assert rows["input_ids"].list.len().to_list()[1:] == [100, 100]
    assert rows["input_ids"].list.last().n_unique() == 1  # the answer is never cut


def test_comparisons_whose_responses_differ_in_what_was_cut_alone_are_left_out(
    policy_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tokens = checkpoints.tokenizer(policy_dir)
    same = "It is 4, I think. " * 30
    rows = [
        ResponsePair(ASKED, f"{same} A carp.", f"{same} Tea."),
        ResponsePair(ASKED, f"A carp. {same}", f"Tea. {same}"),
        ResponsePair(ASKED, same, "It is 4."),
        ResponsePair(ASKED, "4", "5"),
    ]
    for length in (100, 101):  # of an odd number of tokens one response keeps one more
        shown = table(
            [one for row in rows for one in (row, ResponsePair(row.prompt, row.second, row.first))], [True] * 8
        )
        shown = shown.with_columns(pair_id=(pl.int_range(pl.len()) // 2).cast(pl.String))
        found = pairwise_model.training_rows(shown, tokens, max_length=length)
        assert found["pair_id"].to_list() == ["1", "1", "2", "2", "3", "3"]
        assert "1 of 4 comparisons are left out" in capsys.readouterr().out
    assert pairwise_model.training_rows(shown[2:], tokens, max_length=100).height == 6
    assert "left out" not in capsys.readouterr().out
    with pytest.raises(TableError, match=r"train_preference\.max_length: cuts off"):
        pairwise_model.training_rows(shown[:2], tokens, max_length=100)


def test_both_orders_are_not_packed(section: PreferenceParams) -> None:
    with pytest.raises(ValueError, match="positions: both keeps both orders in one batch; packing must be null"):
        replace(section, positions="both", packing="bfd")


def test_the_mean_of_both_orders_needs_both(section: PreferenceParams) -> None:
    with pytest.raises(ValueError, match="self_distillation is towards the mean of both orders; positions must be bo"):
        replace(section, self_distillation=SelfDistillation(epochs=1, learning_rate=1e-3, weight=0.5))


def test_what_both_orders_say_together() -> None:
    first = torch.tensor([0.9, 0.3, 0.5, 0.5, 1.0, 1.0])
    assert pairwise_model.mean_of_orders(first).tolist() == pytest.approx([0.8, 0.2, 0.5, 0.5, 0.5, 0.5])


def test_comparisons_that_are_not_learnt_from_are_told_by_their_ids(
    section: PreferenceParams, policy_dir: Path, tmp_path: Path
) -> None:
    same = "It is 4, I think. " * 30
    alike = table([ResponsePair(ASKED, f"{same} A carp.", f"{same} Tea.")], [True]).with_columns(pair_id=pl.lit("long"))
    told = list[list[str]]()
    pairwise_model.train_preference(
        replace(section, epochs=1), pl.concat([SHOWN, alike]), policy_dir, seed=0, work=tmp_path / "work",
        out=tmp_path / "out", left_out=lambda ids: told.append(ids.to_list()),
    )  # fmt: skip
    assert told == [["long"]]


@pytest.mark.parametrize("own_tokens", [False, True])
def test_a_training_twice(section: PreferenceParams, policy_dir: Path, tmp_path: Path, own_tokens: bool) -> None:
    section = replace(section, own_tokens=own_tokens)
    outs = [tmp_path / "one", tmp_path / "again"]
    logs = [
        pairwise_model.train_preference(section, SHOWN, policy_dir, seed=3, work=tmp_path / "work", out=out)
        for out in outs
    ]
    assert logs[0].columns == ["step", "loss", "learning_rate", "grad_norm", "accuracy"]
    assert logs[0]["step"].to_list() == [1, *range(2, 13, 2)]
    assert logs[0]["loss"][-1] < logs[0]["loss"][0]
    assert logs[0]["accuracy"].is_between(0, 1).all()
    assert logs[0].equals(logs[1])
    assert weights(outs[0]) == weights(outs[1])
    assert weights(outs[0]) != weights(policy_dir)
    more = len(checkpoints.tokenizer(outs[0])) - len(checkpoints.tokenizer(policy_dir))
    assert more == (len(pairwise_template.OWN_TOKENS) if own_tokens else 0)


def test_packed_comparisons_do_not_see_each_other(section: PreferenceParams, policy_dir: Path, tmp_path: Path) -> None:
    def first_loss(packing: Literal["bfd"] | None, *, max_length: int, batch_size: int) -> float:
        one = replace(section, packing=packing, max_length=max_length, batch_size=batch_size,
                      micro_batch_size=batch_size, logging_steps=1, epochs=1)  # fmt: skip
        log = pairwise_model.train_preference(
            one, SHOWN, policy_dir, seed=0, work=tmp_path / "work", out=tmp_path / "out"
        )
        assert log.height == 1
        return float(log["loss"][0])

    apart = first_loss(None, max_length=128, batch_size=12)
    assert first_loss("bfd", max_length=2048, batch_size=1) == pytest.approx(apart, abs=1e-5)
    assert first_loss("bfd", max_length=512, batch_size=3) == pytest.approx(apart, abs=1e-5)


def test_both_orders_of_a_comparison_share_a_batch_and_do_not_see_each_other(
    section: PreferenceParams, policy_dir: Path, tmp_path: Path
) -> None:
    twice = in_both_orders()
    rows = pairwise_model.training_rows(twice, checkpoints.tokenizer(policy_dir), max_length=128)
    joined = pairwise_model.together(rows)
    assert joined.columns == ["pair_id", "input_ids", "labels", "seq_lengths"]
    assert joined["pair_id"].to_list() == SHOWN["pair_id"].to_list()
    assert joined["input_ids"][3].to_list() == [*rows["input_ids"][3], *rows["input_ids"][15]]
    assert joined["labels"].list.len().to_list() == joined["seq_lengths"].list.sum().to_list()
    each = [row for block in joined.to_dicts() for row in pairwise_model.apart(block)]
    order = [place for first in range(12) for place in (first, first + 12)]
    assert each == rows[order].select("input_ids", "labels").to_dicts()

    both: list[tuple[Literal["drawn", "both"], int]] = [("drawn", 24), ("both", 12)]
    logs = [
        pairwise_model.train_preference(
            replace(section, positions=positions, batch_size=size, micro_batch_size=size, logging_steps=1, epochs=1),
            twice, policy_dir, seed=0, work=tmp_path / "work", out=tmp_path / "out",
        )
        for positions, size in both
    ]  # fmt: skip
    assert [log.height for log in logs] == [1, 1]
    assert logs[0]["loss"][0] == pytest.approx(logs[1]["loss"][0], abs=1e-5)


def test_a_model_that_distils_itself_agrees_more_with_its_mean(
    section: PreferenceParams, policy_dir: Path, tmp_path: Path, tiny: Params
) -> None:
    """Distillation alone: the labels are not learnt, what the model said is, without its liking for a place."""
    judge = tiny.judges["preference"]
    assert isinstance(judge, PairwiseJudge)
    turned = [ResponsePair(prompt, second, first) for prompt, first, second in COMPARISONS]

    def said(name: str, wanted: SelfDistillation | None) -> tuple[pl.DataFrame, np.ndarray]:
        own = replace(section, positions="both", batch_size=4, micro_batch_size=2, epochs=1,
                      learning_rate=3e-3, self_distillation=wanted)  # fmt: skip
        work, out = tmp_path / "work" / name, tmp_path / name
        log = pairwise_model.train_preference(own, in_both_orders(), policy_dir, seed=0, work=work, out=out)
        told = PairwiseModel(out, judge).prefer([*COMPARISONS, *turned])
        return log, np.array(told).reshape(2, -1)

    taught, before = said("taught", None)
    log, after = said("distilled", SelfDistillation(epochs=30, learning_rate=3e-3, weight=1.0))
    assert taught["step"].to_list() == [1, 2]  # of 3
    assert log["step"].to_list() == [1, 2, 4, *range(5, 94, 2)]
    assert log.head(taught.height).equals(taught)
    mean = (before[0] + 1 - before[1]) / 2
    assert np.abs(after[0] - mean).mean() < 0.5 * np.abs(before[0] - mean).mean()
    assert np.abs(after[0] + after[1] - 1).mean() < 0.5 * np.abs(before[0] + before[1] - 1).mean()


def test_packing_loses_no_comparison(section: PreferenceParams, policy_dir: Path, tmp_path: Path) -> None:
    from trl import SFTTrainer

    tokens = checkpoints.tokenizer(policy_dir)
    many = pl.concat([SHOWN] * 100)  # TRL packs a thousand rows at a time
    rows = pairwise_model.training_rows(many, tokens, max_length=256)
    trainer: Any = SFTTrainer(
        model=checkpoints.causal(policy_dir, precision="fp32"),
        args=trl_config.preference(replace(section, packing="bfd", max_length=256), seed=0, out=tmp_path / "work"),
        train_dataset=trl_run.as_dataset(rows),
        processing_class=tokens,
    )
    packed = pl.DataFrame({name: trainer.train_dataset[name][:] for name in ("input_ids", "labels", "seq_lengths")})
    assert packed.height < rows.height / 2
    assert packed["seq_lengths"].list.explode().len() == rows.height
    answers = packed["labels"].list.explode()
    expected = rows["labels"].list.explode()
    assert (
        answers.filter(answers != -100)
        .value_counts()
        .sort("labels")
        .equals(expected.filter(expected != -100).value_counts().sort("labels"))
    )
    assert packed.filter(pl.col("input_ids").list.len() > 256).is_empty()


@pytest.mark.parametrize("distils", [False, True])
def test_an_interrupted_training_goes_on_to_the_same_end(
    section: PreferenceParams, policy_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, distils: bool
) -> None:
    from transformers import TrainerCallback, trainer

    class Interrupted(TrainerCallback):  # type: ignore[misc]
        def on_step_begin(self, args: Any, state: Any, control: Any, **more: Any) -> None:
            if state.global_step == 7:
                raise KeyboardInterrupt

    rows, interrupted = SHOWN, replace(section, packing="bfd", max_length=256, own_tokens=True, batch_size=1, epochs=6)
    if distils:  # of the first 6 steps none is interrupted, of the second 18 one
        more = SelfDistillation(epochs=3, learning_rate=1e-3, weight=0.5)
        rows, interrupted = in_both_orders(), replace(section, positions="both", epochs=1, self_distillation=more)

    def train(name: str, work: str) -> pl.DataFrame:
        return pairwise_model.train_preference(
            interrupted, rows, policy_dir, seed=0, work=tmp_path / work, out=tmp_path / name
        )

    expected = train("expected", "unbroken")
    with monkeypatch.context() as patch:
        patch.setattr(trainer, "DEFAULT_CALLBACKS", [*trainer.DEFAULT_CALLBACKS, Interrupted])
        with pytest.raises(KeyboardInterrupt):
            train("out", "journal")
    kept = tmp_path / "journal" / ("self_distillation" if distils else "")
    assert [path.name for path in kept.glob("checkpoint-*")] != []
    assert train("out", "journal").equals(expected)
    assert weights(tmp_path / "out") == weights(tmp_path / "expected")
