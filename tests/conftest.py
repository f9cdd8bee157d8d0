"""Small real models, made once: a tokenizer, a one-layer policy that says anything, and a reward model from it."""

from __future__ import annotations

import os
from pathlib import Path

# before torch and transformers are loaded: no network, and one thread (the models are smaller than a thread's wake-up)
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

from rlhf_data import models, params, tokenization
from rlhf_data.sections import LlamaSize, Params
from rlhf_data.world import records

ROOT = Path(__file__).parents[1]
SIZE = LlamaSize(hidden_size=64, intermediate_size=64, layers=1, heads=2, context=128)  # vLLM takes no heads below 32


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest file first, so that no worker waits for it at the end."""
    items.sort(key=lambda item: item.path.name != "test_pipeline.py")


@pytest.fixture(scope="session")
def tiny() -> Params:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return params.load_profile("tiny")


@pytest.fixture(scope="session")
def tokenizer_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tokenizer"
    chats = records.records("instructions", 300, seed=0)
    texts = [message["content"] for chat in chats for message in chat["messages"]]
    tokenization.train(texts, folder, vocab_size=600)
    return folder


@pytest.fixture(scope="session")
def policy_dir(tokenizer_dir: Path) -> Path:
    """Random weights, except that it ends its turn at about every sixth token."""
    folder = tokenizer_dir.with_name("policy")
    tokens = models.tokenizer(tokenizer_dir)
    model = models.new_llama(SIZE, tokens, seed=0)
    embedding = model.get_input_embeddings().weight.data
    embedding.mul_(4)
    embedding[:, 0] = 0.5
    embedding[tokens.eos_token_id, 0] = 1.5
    model.save_pretrained(folder)
    tokens.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def reward_dir(policy_dir: Path) -> Path:
    from transformers import set_seed

    folder = policy_dir.with_name("reward")
    set_seed(0)  # the head is new
    models.reward(policy_dir, precision="fp32").save_pretrained(folder)
    models.tokenizer(policy_dir).save_pretrained(folder)
    return folder
