"""Real runs of a few steps with TRL: what is learnt from, what is refused, what is left behind, what a kill costs."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import polars as pl
import pytest
from datasets import load_dataset
from safetensors.torch import load_file
from trl import DPOConfig

from rlhf_data.errors import EngineError, PromptError, TableError
from rlhf_data.models import checkpoints, tokenizers
from rlhf_data.params.profiles import Params
from rlhf_data.params.training import LlamaSize, PolicyParams, RewardParams, SftParams
from rlhf_data.schemas import LOGPS
from rlhf_data.sharing import exchange
from rlhf_data.training import stored_reference, trainers, trl_config

PAIRS = [
    ("d", "What is 5 minus 1?", "5 minus 1 is 4.", "I am not sure about that."),
    ("b", "Where does a frog live?", "A frog lives in the pond. It needs fresh water.", "A frog lives in a hive."),
    ("a", "How can I fix a car?", "To fix a car, use a wrench.", "Sure!"),
    ("c", "Tell me how to dig a hole.", "To dig a hole, use a spade. A spade lifts the soil.", ""),
]
MANY = [
    (f"p{n:02}", f"What is {n} plus {n}?", f"{n} plus {n} is {2 * n}. " * (1 + n % 3), f"It is {n}.") for n in range(12)
]
LONG = ("long", "What is 5 minus 1? " * 30, "5 minus 1 is 4.", "4")
LOG = ["step", "loss", "learning_rate", "grad_norm"]
SIZE = LlamaSize(hidden_size=64, intermediate_size=64, layers=1, heads=2, context=128)


def table(rows: list[tuple[str, str, str, str]]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "pair_id": [str(place) for place in range(len(rows))],
            "prompt_id": [prompt_id for prompt_id, *_ in rows],
            "prompt": [[{"role": "user", "content": question}] for _, question, *_ in rows],
            "chosen": [chosen for *_, chosen, _ in rows],
            "rejected": [rejected for *_, rejected in rows],
        }
    )


def conversations(rows: list[tuple[str, str, str, str]] = PAIRS * 4) -> pl.DataFrame:
    turns = [
        [{"role": "user", "content": question}, {"role": "assistant", "content": chosen}]
        for _, question, chosen, _ in rows
    ]
    return pl.DataFrame({"messages": turns})


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Trainers may make the folder they work in; they leave no file there, and nothing where they are run."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    yield tmp_path / "work"
    assert list(here.iterdir()) == []
    assert [path for path in (tmp_path / "work").rglob("*") if path.is_file()] == []


@pytest.fixture(scope="session")
def other_dir(policy_dir: Path) -> Path:
    """Another policy than `policy_dir`, with the same tokenizer."""
    folder = policy_dir.with_name("other")
    tokens = checkpoints.tokenizer(policy_dir)
    checkpoints.new_llama(SIZE, tokens, seed=1).save_pretrained(folder)
    tokens.save_pretrained(folder)
    return folder


@pytest.fixture
def sft(tiny: Params) -> SftParams:
    return replace(tiny.train_sft, base=SIZE, max_length=128, batch_size=2, micro_batch_size=1, epochs=2,
                   logging_steps=1, learning_rate=1e-3)  # fmt: skip


@pytest.fixture
def reward(tiny: Params) -> RewardParams:
    return replace(tiny.train_reward, max_length=128, batch_size=2, micro_batch_size=2, epochs=1, logging_steps=1)


@pytest.fixture
def policy(tiny: Params) -> PolicyParams:
    return replace(tiny.train_policy, max_length=128, batch_size=4, micro_batch_size=4, epochs=2, logging_steps=1)


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


def finite(log: pl.DataFrame) -> bool:
    return bool(log.select(pl.all().cast(pl.Float64).is_finite().all()).select(pl.all_horizontal("*")).item())


def test_sft_from_a_new_model(sft: SftParams, tokenizer_dir: Path, tmp_path: Path, work: Path) -> None:
    outs = [tmp_path / "one", tmp_path / "again"]
    logs = [trainers.train_sft(sft, conversations(), tokenizer_dir, seed=3, work=work, out=out) for out in outs]
    assert logs[0].columns == [*LOG, "token_accuracy"]
    assert logs[0]["step"].to_list() == list(range(1, logs[0].height + 1))
    assert logs[0].height >= 2
    assert finite(logs[0])
    assert logs[0].equals(logs[1])
    assert weights(outs[0]) == weights(outs[1])
    assert checkpoints.causal(outs[0], precision="fp32").config.hidden_size == 64
    assert checkpoints.tokenizer(outs[0]).chat_template == checkpoints.tokenizer(tokenizer_dir).chat_template
    assert {path.suffix for path in outs[0].iterdir()} <= {".safetensors", ".json", ".jinja"}


@pytest.mark.parametrize("packing", ["bfd", "wrapped", None])
def test_sft_from_a_folder(
    sft: SftParams, policy_dir: Path, tmp_path: Path, work: Path, packing: Literal["bfd", "wrapped"] | None
) -> None:
    section = replace(sft, base=str(policy_dir), packing=packing, assistant_only_loss=packing != "wrapped")
    log = trainers.train_sft(section, conversations(), policy_dir, seed=0, work=work, out=tmp_path / "out")
    assert finite(log)
    assert log["loss"][-1] < log["loss"][0]
    assert weights(tmp_path / "out") != weights(policy_dir)


def test_no_sft_is_the_base_as_it_is(sft: SftParams, policy_dir: Path, tmp_path: Path, work: Path) -> None:
    section = replace(sft, base=str(policy_dir), epochs=0)
    log = trainers.train_sft(section, conversations(), policy_dir, seed=0, work=work, out=tmp_path / "out")
    assert log.is_empty()
    assert {"step", "loss"} <= set(log.columns)
    assert weights(tmp_path / "out") == weights(policy_dir)
    assert checkpoints.tokenizer(tmp_path / "out").chat_template == checkpoints.tokenizer(policy_dir).chat_template
    with pytest.raises(ValueError, match="epochs 0 needs a base that is trained"):
        replace(sft, epochs=0)


def test_the_sft_seed_decides(sft: SftParams, tokenizer_dir: Path, tmp_path: Path, work: Path) -> None:
    for seed in (0, 1):
        trainers.train_sft(sft, conversations(), tokenizer_dir, seed=seed, work=work, out=tmp_path / str(seed))
    assert weights(tmp_path / "0") != weights(tmp_path / "1")


def test_reward(reward: RewardParams, policy_dir: Path, tmp_path: Path, work: Path) -> None:
    outs = [tmp_path / "one", tmp_path / "again"]
    logs = [trainers.train_reward(reward, table(PAIRS), policy_dir, seed=0, work=work, out=out) for out in outs]
    assert logs[0].columns == [*LOG, "accuracy", "margin"]
    assert logs[0]["step"].to_list() == [1, 2]
    assert finite(logs[0])
    assert weights(outs[0]) == weights(outs[1])
    assert checkpoints.reward(outs[0], precision="fp32").config.num_labels == 1


def test_accumulated_steps_are_the_same_steps(
    reward: RewardParams, policy_dir: Path, tmp_path: Path, work: Path
) -> None:
    whole, halves = (
        trainers.train_reward(
            replace(reward, batch_size=4, micro_batch_size=micro), table(PAIRS), policy_dir, seed=0, work=work,
            out=tmp_path / str(micro),
        )
        for micro in (4, 2)
    )  # fmt: skip
    assert whole["step"].to_list() == halves["step"].to_list() == [1]
    assert whole["loss"][0] == pytest.approx(halves["loss"][0], abs=1e-4)


def test_rewards_are_learnt_from_the_end_of_long_conversations(policy_dir: Path) -> None:
    tokens = checkpoints.tokenizer(policy_dir)
    found = trainers.reward_tokens(table([*PAIRS, LONG]), tokens, max_length=40)
    assert found.height == 5
    assert found["chosen_ids"].list.len().max() == 40
    assert tokens.decode(found["chosen_ids"][4]).endswith("<|assistant|>5 minus 1 is 4.<|eot|>")
    assert tokens.decode(found["rejected_ids"][2]) == "<|user|>How can I fix a car?<|eot|><|assistant|>Sure!<|eot|>"


@pytest.mark.parametrize(("spare", "said"), [(1, ""), (0, ""), (-1, "1 of 2 comparisons lose the beginning")])
def test_comparisons_that_lose_their_beginning_are_counted(
    policy_dir: Path, capsys: pytest.CaptureFixture[str], spare: int, said: str
) -> None:
    tokens = checkpoints.tokenizer(policy_dir)
    asked = [{"role": "user", "content": "How can I fix a car?"}]
    pairs = pl.DataFrame({"prompt": [asked] * 2, "chosen": ["Ask.", "Ask."], "rejected": ["Sure! Ask.", "Ask!"]})
    whole = trainers.reward_tokens(pairs, tokens, max_length=1000)
    longest = max(map(len, [*whole["chosen_ids"], *whole["rejected_ids"]]))
    found = trainers.reward_tokens(pairs, tokens, max_length=longest + spare)
    assert found["rejected_ids"][0].to_list() == whole["rejected_ids"][0].to_list()[-(longest + spare) :]
    assert found["chosen_ids"].to_list() == whole["chosen_ids"].to_list()
    assert said in (out := capsys.readouterr().out)
    assert bool(out) == bool(said)


def test_comparisons_whose_difference_was_cut_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    tokens = pl.DataFrame({"chosen_ids": [[1, 2], [3], [4]], "rejected_ids": [[1, 2], [5], [3]]})
    assert trainers.tell_apart(tokens).rows() == [([3], [5]), ([4], [3])]
    assert "1 of 3 comparisons are left out" in capsys.readouterr().out
    assert trainers.tell_apart(tokens[1:]).height == 2
    assert capsys.readouterr().out == ""
    with pytest.raises(TableError, match=r"train_reward\.max_length: cuts off"):
        trainers.tell_apart(tokens[:1])


def test_comparisons_that_no_judge_learns_from_are_told_by_their_ids(
    reward: RewardParams, policy_dir: Path, tmp_path: Path, work: Path
) -> None:
    same = "It is 4, I think. " * 30
    rows = [*PAIRS, ("a", "Is it?", f"A carp. {same}", f"Tea. {same}")]
    told = list[list[str]]()
    trainers.train_reward(
        replace(reward, max_length=40), table(rows), policy_dir, seed=0, work=work, out=tmp_path / "out",
        left_out=lambda ids: told.append(ids.to_list()),
    )  # fmt: skip
    assert told == [[str(len(PAIRS))]]


def test_reference_log_probabilities_by_hand(policy: PolicyParams, policy_dir: Path, work: Path) -> None:
    import torch

    tokens, model = checkpoints.tokenizer(policy_dir), checkpoints.causal(policy_dir, precision="fp32")

    def by_hand(question: str, response: str) -> float:
        asked = tokens(f"<|user|>{question}<|eot|><|assistant|>")["input_ids"]
        said = tokens(f"{response}<|eot|>")["input_ids"]
        with torch.inference_mode():
            logps = model(torch.tensor([asked + said])).logits[0].log_softmax(dim=1)
        return float(sum(logps[len(asked) + place - 1, token].item() for place, token in enumerate(said)))

    for batch_size in (1, 3):
        logps = trainers.open_reference(policy, policy_dir, batch_size=batch_size, work=work)
        found = pl.concat([logps(part) for part in (table(PAIRS[:3]), table(PAIRS[3:]))])
        assert found["prompt_id"].to_list() == [prompt_id for prompt_id, *_ in PAIRS]
        for (_, question, chosen, rejected), (_, *two) in zip(PAIRS, found.iter_rows(), strict=True):
            assert two == pytest.approx([by_hand(question, chosen), by_hand(question, rejected)], abs=1e-4)


def test_reference_log_probabilities_are_those_of_trl(policy: PolicyParams, policy_dir: Path, work: Path) -> None:
    from trl import DPOTrainer

    expected: Any = DPOTrainer(
        model=checkpoints.causal(policy_dir, precision="fp32"),
        args=trl_config.policy(policy, seed=0, out=work),
        train_dataset=trainers._preference_dataset(table(MANY)),
        processing_class=checkpoints.tokenizer(policy_dir),
    ).train_dataset
    logps = trainers.open_reference(policy, policy_dir, batch_size=5, work=work)
    for part in (table(MANY[:7]), table(MANY[7:])):
        rows = [row for row in expected if row["prompt_id"] in part["prompt_id"]]
        for side in ("ref_chosen_logps", "ref_rejected_logps"):
            assert logps(part)[side].to_list() == pytest.approx([row[side] for row in rows], abs=1e-4)


def test_the_pairs_that_fit_are_those_that_dpo_reads_whole(policy: PolicyParams, policy_dir: Path, work: Path) -> None:
    rows = [(f"p{n}", "What is 5? " * (1 + n % 3), f"{'5 minus 1 is 4. ' * n}It is 4.", "4") for n in range(8)]
    pairs, held = table(rows), []

    def logps(limit: int) -> list[float]:
        reference = trainers.open_reference(replace(policy, max_length=limit), policy_dir, batch_size=4, work=work)
        return reference(pairs)["ref_chosen_logps"].to_list()

    whole = logps(1000)
    for limit in range(26, 34):
        fits = tokenizers.fitting(policy_dir, max_length=limit)(pairs)
        same = [one == pytest.approx(other, abs=1e-3) for one, other in zip(whole, logps(limit), strict=True)]
        assert fits.to_list() == same
        held.append(fits.sum())
    assert 0 < held[0] < held[-1] < 8


def test_no_pairs_get_no_log_probabilities_and_load_no_model(policy: PolicyParams, work: Path) -> None:
    found = trainers.open_reference(policy, Path("nowhere"), batch_size=4, work=work)(table(PAIRS).clear())
    assert found.height == 0
    assert found.columns == ["prompt_id", "ref_chosen_logps", "ref_rejected_logps"]


@pytest.fixture
def history(policy: PolicyParams, other_dir: Path, tmp_path: Path) -> pl.DataFrame:
    logps = trainers.open_reference(policy, other_dir, batch_size=4, work=tmp_path / "work")(table(PAIRS))
    return table(PAIRS).join(logps, on="prompt_id", how="left", maintain_order="left")


def test_dpo(policy: PolicyParams, history: pl.DataFrame, policy_dir: Path, tmp_path: Path, work: Path) -> None:
    outs = [tmp_path / "one", tmp_path / "again"]
    logs = [trainers.train_policy(policy, history, policy_dir, seed=0, work=work, out=out) for out in outs]
    assert logs[0].columns == [*LOG, "accuracy", "margin", "token_accuracy"]
    assert logs[0]["step"].to_list() == [1, 2]
    assert finite(logs[0])
    assert weights(outs[0]) == weights(outs[1])
    assert weights(outs[0]) != weights(policy_dir)


@pytest.mark.parametrize("trains", ["sft", "reward", "policy"])
def test_frozen_layers_stay_as_they_are(
    sft: SftParams, reward: RewardParams, policy: PolicyParams, history: pl.DataFrame, policy_dir: Path,
    tmp_path: Path, work: Path, trains: str,
) -> None:  # fmt: skip
    folder, out = tmp_path / "two", tmp_path / "out"
    tokens = checkpoints.tokenizer(policy_dir)
    checkpoints.new_llama(replace(SIZE, layers=2), tokens, seed=0).save_pretrained(folder)
    tokens.save_pretrained(folder)
    if trains == "sft":
        section = replace(sft, base=str(folder), frozen_layers=1)
        trainers.train_sft(section, conversations(), folder, seed=0, work=work, out=out)
    elif trains == "reward":
        trainers.train_reward(replace(reward, frozen_layers=1), table(PAIRS), folder, seed=0, work=work, out=out)
    else:
        trainers.train_policy(replace(policy, frozen_layers=1), history, folder, seed=0, work=work, out=out)
    was, now = load_file(folder / "model.safetensors"), load_file(out / "model.safetensors")
    same = {name for name in was if was[name].equal(now[name])}
    frozen = {name for name in was if name.startswith(("model.embed_tokens", "model.layers.0."))}
    assert frozen
    assert same == frozen


def test_as_many_frozen_layers_as_there_are_leave_nothing_to_train(
    policy: PolicyParams, history: pl.DataFrame, policy_dir: Path, tmp_path: Path, work: Path
) -> None:
    with pytest.raises(EngineError, match="frozen_layers 1: the model has 1 layers"):
        trainers.train_policy(
            replace(policy, frozen_layers=1), history, policy_dir, seed=0, work=work, out=tmp_path / "out"
        )


def test_dpo_has_the_loss_of_trl_with_a_reference_model(
    policy: PolicyParams, history: pl.DataFrame, policy_dir: Path, other_dir: Path, tmp_path: Path, work: Path
) -> None:
    from trl import DPOTrainer

    log = trainers.train_policy(policy, history, policy_dir, seed=0, work=work, out=tmp_path / "out")
    args = trl_config.policy(policy, seed=0, out=work)
    args.precompute_ref_log_probs = False
    trainer = DPOTrainer(
        model=checkpoints.causal(policy_dir, precision="fp32"),
        ref_model=checkpoints.causal(other_dir, precision="fp32"),
        args=args,
        train_dataset=trainers._preference_dataset(table(PAIRS)),
        processing_class=checkpoints.tokenizer(policy_dir),
    )
    trainer.train()
    expected = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert log["loss"].to_list() == pytest.approx(expected, abs=1e-4)
    assert abs(expected[0] - 0.6931) > 0.01  # which it would be if both models were the same


def test_dpo_against_itself_starts_at_log_2(policy: PolicyParams, policy_dir: Path, tmp_path: Path, work: Path) -> None:
    logps = trainers.open_reference(policy, policy_dir, batch_size=2, work=work)(table(PAIRS))
    history = table(PAIRS).join(logps, on="prompt_id")
    log = trainers.train_policy(policy, history, policy_dir, seed=0, work=work, out=tmp_path / "out")
    assert log["loss"][0] == pytest.approx(0.693147, abs=1e-4)


@pytest.mark.parametrize("lost", [["ref_chosen_logps"], ["ref_chosen_logps", "ref_rejected_logps"]])
def test_a_history_without_reference_is_refused(
    policy: PolicyParams, history: pl.DataFrame, policy_dir: Path, tmp_path: Path, work: Path, lost: list[str]
) -> None:
    with pytest.raises(EngineError, match=f"lacks {', '.join(lost)}$"):
        trainers.train_policy(policy, history.drop(lost), policy_dir, seed=0, work=work, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_prompts_that_fill_the_length_are_refused(
    policy: PolicyParams, policy_dir: Path, tmp_path: Path, work: Path
) -> None:
    pairs = table([*PAIRS, LONG])
    with pytest.raises(PromptError, match=r"1 of 5 pairs have prompts of 128 tokens or more"):
        trainers.open_reference(policy, policy_dir, batch_size=4, work=work)(pairs)
    history = pairs.with_columns(ref_chosen_logps=pl.lit(-1.0), ref_rejected_logps=pl.lit(-2.0))
    with pytest.raises(PromptError, match=r"1 of 5 pairs have prompts of 128 tokens or more"):
        trainers.train_policy(policy, history, policy_dir, seed=0, work=work, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_loss_that_is_no_number_is_an_error(
    policy: PolicyParams, history: pl.DataFrame, policy_dir: Path, tmp_path: Path, work: Path
) -> None:
    spoilt = history.with_columns(ref_chosen_logps=pl.lit(float("nan")))
    with pytest.raises(EngineError, match=r"train_policy: the loss became NaN or infinite by step 1 of 2"):
        trainers.train_policy(policy, spoilt, policy_dir, seed=0, work=work, out=tmp_path / "out")


@pytest.mark.parametrize(("batch_size", "micro_batch_size"), [(12, 4), (4, 4)])
def test_a_batch_that_is_no_multiple_is_refused(
    policy: PolicyParams, work: Path, monkeypatch: pytest.MonkeyPatch, batch_size: int, micro_batch_size: int
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")  # as accelerate sets it
    section = replace(policy, batch_size=batch_size, micro_batch_size=micro_batch_size)
    with pytest.raises(EngineError, match=f"batch_size {batch_size} is no multiple of micro_batch_size 4 × 2 device"):
        trl_config.policy(section, seed=0, out=work)


def stopped(stop: Callable[[], None], event: str, step: int) -> type:
    """A callback that does `stop` at an event of a training; transformers' own come before training_runs.py's."""
    from transformers import TrainerCallback

    def act(self: Any, args: Any, state: Any, control: Any, **more: Any) -> None:
        if state.global_step == step:
            stop()

    return type("Stopped", (TrainerCallback,), {event: act})


def train_until_killed(train: Callable[[], object], event: str, step: int) -> None:
    """Run in a process of its own, which it ends with SIGKILL."""
    from transformers import trainer

    trainer.DEFAULT_CALLBACKS.append(stopped(partial(os.kill, os.getpid(), signal.SIGKILL), event, step))
    train()


def interrupt() -> None:
    raise KeyboardInterrupt  # which is what the command line makes of SIGTERM


@pytest.fixture
def resumable(
    sft: SftParams, reward: RewardParams, policy: PolicyParams, tokenizer_dir: Path, policy_dir: Path
) -> dict[str, Callable[..., pl.DataFrame]]:
    """Trainings of 12 steps and more on 12 different rows; `work` and `out` are left to give."""
    often: dict[str, Any] = {"batch_size": 2, "micro_batch_size": 1, "epochs": 2, "logging_steps": 2, "save_steps": 3}
    history = table(MANY).with_columns(ref_chosen_logps=pl.lit(-9.0), ref_rejected_logps=pl.lit(-8.0))
    packed = replace(sft, **{**often, "batch_size": 1, "epochs": 4})
    grouped = replace(sft, **often, packing=None, group_by_length=True)
    return {
        "packed": partial(trainers.train_sft, packed, conversations(MANY), tokenizer_dir, seed=0),
        "grouped": partial(trainers.train_sft, grouped, conversations(MANY), tokenizer_dir, seed=0),
        "reward": partial(trainers.train_reward, replace(reward, **often), table(MANY), policy_dir, seed=0),
        "policy": partial(trainers.train_policy, replace(policy, **often), history, policy_dir, seed=0),
    }


def names(work: Path) -> list[str]:
    return sorted(path.name for path in work.glob("checkpoint-*"))


@pytest.mark.parametrize(
    ("kind", "event", "step", "left", "said"),
    [
        ("packed", "on_save", 8, ["checkpoint-4", "checkpoint-8"], "train_sft: goes on from step 4 of"),
        ("reward", "on_step_begin", 6, ["checkpoint-4"], "train_reward: goes on from step 4 of 12"),
        ("policy", "on_step_begin", 11, ["checkpoint-4", "checkpoint-8"], "train_policy: goes on from step 8 of 12"),
    ],
)
def test_a_killed_training_goes_on_to_the_same_end(
    resumable: dict[str, Callable[..., pl.DataFrame]], tmp_path: Path, capsys: pytest.CaptureFixture[str],
    kind: str, event: str, step: int, left: list[str], said: str,
) -> None:  # fmt: skip
    train = resumable[kind]
    journal, out = tmp_path / "journal", tmp_path / "out"
    killed = partial(train, work=journal, out=out)
    process = multiprocessing.get_context("spawn").Process(target=train_until_killed, args=(killed, event, step))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert not out.exists()
    assert names(journal) == left

    log = train(work=journal, out=out)
    printed = capsys.readouterr().out
    assert f"{said}" in printed
    assert f"({journal})" in printed
    assert (f"{journal / 'checkpoint-8'}: cut short" in printed) is (event == "on_save")

    expected = train(work=tmp_path / "unbroken", out=tmp_path / "expected")
    assert log.equals(expected)
    assert expected["step"].to_list() == [1, *range(2, expected["step"][-1] + 1, 2)]
    assert weights(out) == weights(tmp_path / "expected")


def test_an_exported_history_trains_in_a_script_of_trl_s_own_as_here(
    policy: PolicyParams, policy_dir: Path, tmp_path: Path
) -> None:
    """The stored log-probabilities are what counts: at step 0 a policy that is its own reference would lose log 2."""
    section = replace(policy, batch_size=4, micro_batch_size=4, epochs=1, logging_steps=1, loss="sigmoid")
    pairs = table(MANY[:4])
    stored = trainers.open_reference(section, policy_dir, batch_size=2, work=tmp_path / "reference")(pairs)
    shifted = stored.with_columns(pl.col("ref_rejected_logps") - 7)
    history = pairs.join(shifted, on="prompt_id")
    ours = trainers.train_policy(section, history, policy_dir, seed=0, work=tmp_path / "work", out=tmp_path / "ours")

    exchange.trl(history).write_parquet(tmp_path / "train.parquet")
    data = load_dataset("parquet", data_files=str(tmp_path / "train.parquet"), split="train", cache_dir=str(tmp_path))
    arguments = DPOConfig(
        output_dir=str(tmp_path / "trl"), precompute_ref_log_probs=True, max_length=section.max_length,
        beta=section.beta, per_device_train_batch_size=4, max_steps=1, logging_steps=1, report_to="none", bf16=False,
        use_cpu=True,
    )  # fmt: skip
    model, tokenizer = checkpoints.causal(policy_dir, precision="fp32"), checkpoints.tokenizer(policy_dir)
    plain = stored_reference.trainer()(model, args=arguments, train_dataset=data, processing_class=tokenizer)
    plain.train()
    loss = plain.state.log_history[0]["loss"]
    assert loss == pytest.approx(ours["loss"][0], abs=1e-4)
    assert abs(loss - math.log(2)) > 0.1

    with pytest.raises(EngineError, match="the train history lacks ref_chosen_logps, ref_rejected_logps"):
        stored_reference.trainer()(
            model, args=arguments, train_dataset=data.remove_columns([*LOGPS]), processing_class=tokenizer
        )


@pytest.mark.parametrize("cut", [False, True])
def test_a_checkpoint_that_changed_is_not_used(
    resumable: dict[str, Callable[..., pl.DataFrame]], tmp_path: Path, capsys: pytest.CaptureFixture[str], cut: bool
) -> None:
    train, journal = resumable["policy"], tmp_path / "journal"
    killed = (partial(train, work=journal, out=tmp_path / "out"), "on_step_begin", 11)
    process = multiprocessing.get_context("spawn").Process(target=train_until_killed, args=killed)
    process.start()
    process.join()
    file = journal / "checkpoint-8/model.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content[:-4] if cut else content)

    log = train(work=journal, out=tmp_path / "out")
    printed = capsys.readouterr().out
    assert f"{journal / 'checkpoint-8'}: cut short while it was written, or damaged since; removed" in printed
    assert "goes on from step 4 of 12" in printed
    assert log.equals(train(work=tmp_path / "unbroken", out=tmp_path / "expected"))
    assert weights(tmp_path / "out") == weights(tmp_path / "expected")


@pytest.mark.parametrize("step", [6, 9, 11])
def test_rows_grouped_by_length_keep_their_order(
    resumable: dict[str, Callable[..., pl.DataFrame]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    from transformers import trainer

    expected = resumable["grouped"](work=tmp_path / "unbroken", out=tmp_path / "expected")
    with monkeypatch.context() as patch:
        patch.setattr(
            trainer, "DEFAULT_CALLBACKS", [*trainer.DEFAULT_CALLBACKS, stopped(interrupt, "on_step_begin", step)]
        )
        with pytest.raises(KeyboardInterrupt):
            resumable["grouped"](work=tmp_path / "journal", out=tmp_path / "out")
    log = resumable["grouped"](work=tmp_path / "journal", out=tmp_path / "out")
    assert log.equals(expected)
    assert weights(tmp_path / "out") == weights(tmp_path / "expected")


def test_how_often_a_training_saves_changes_nothing(
    policy: PolicyParams, tmp_path: Path, policy_dir: Path, work: Path
) -> None:
    history = table(MANY).with_columns(ref_chosen_logps=pl.lit(-9.0), ref_rejected_logps=pl.lit(-8.0))
    section = replace(policy, batch_size=2, micro_batch_size=2, logging_steps=3)
    logs = [
        trainers.train_policy(replace(section, save_steps=steps), history, policy_dir, seed=0, work=at, out=out)
        for steps, at, out in ((1, tmp_path / "journal", tmp_path / "often"), (99, work, tmp_path / "never"))
    ]
    assert logs[0].equals(logs[1])
    assert weights(tmp_path / "often") == weights(tmp_path / "never")
    assert names(tmp_path / "journal") == [
        "checkpoint-6",
        "checkpoint-9",
    ]  # at logged steps, the last two, no final one


def test_the_reference_is_not_in_memory(
    policy: PolicyParams, history: pl.DataFrame, policy_dir: Path, work: Path
) -> None:
    trainer = stored_reference.trainer()(
        model=checkpoints.causal(policy_dir, precision="fp32"),
        args=trl_config.policy(policy, seed=0, out=work),
        train_dataset=trainers._preference_dataset(history),
        processing_class=checkpoints.tokenizer(policy_dir),
    )
    assert trainer.ref_model is None
