"""Params as people edit them: what is refused, and that the message names the file and the key."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlhf_data import params
from rlhf_data.errors import ParamsError
from rlhf_data.params.profiles import Params
from rlhf_data.params.sources import WorldSource
from rlhf_data.params.training import LlamaSize

ROOT = Path(__file__).parents[2]
PROJECT = """
profile: {profile}
mix: {mix}
launch: python -m
iterations:
  iter1: {{prev: iter0}}
  iter2: {{prev: {prev}}}
policies: {policies}
{judged}
"""
JUDGED = """
scored_by: [reward]
tested: [reward, prompted]
second_judge: preference
"""


def write(folder: Path, edits: dict[str, str], *, profile: str = "tiny", prev: str = "iter1",
          policies: str = "[iter0, iter1, iter2]", mix: str = "all", judged: str = JUDGED) -> None:  # fmt: skip
    """A project with the tiny profile, of which each text in `edits` is replaced wherever it stands."""
    project = PROJECT.format(profile=profile, prev=prev, policies=policies, mix=mix, judged=judged)
    (folder / "params.yaml").write_text(project)
    text = (ROOT / "params" / "tiny.yaml").read_text()
    for old, new in edits.items():
        assert old in text
        text = text.replace(old, new)
    (folder / "params").mkdir()
    (folder / "params" / "tiny.yaml").write_text(text)


def refusal(folder: Path) -> str:
    with pytest.raises(ParamsError) as caught:
        params.load()
    return str(caught.value)


def test_the_tiny_profile(tiny: Params) -> None:
    pairs = tiny.ingest.sources["world_pairs"]
    assert isinstance(pairs, WorldSource)
    assert (pairs.format, pairs.kind) == ("world", "preferences")
    assert isinstance(tiny.train_sft.base, LlamaSize)
    assert tiny.generate.samples == 8


@pytest.mark.parametrize("profile", sorted(path.stem for path in (ROOT / "params").glob("*.yaml")))
def test_every_profile_loads(profile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert params.load_profile(profile).generate.samples >= 2


def test_the_projects_own_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    found = params.project()
    assert [found.policies[0], *found.iterations] == found.policies
    assert params.load() == params.load_profile(found.profile)


def test_an_unedited_copy_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: Params) -> None:
    write(tmp_path, {})
    monkeypatch.chdir(tmp_path)
    assert params.load() == tiny
    assert list(params.project().iterations) == ["iter1", "iter2"]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("  min_margin: 0.0\n", "", "pair.min_margin: Field required"),
        ("report:\n", "reports:\n", "report: Field required"),
        ("report:\n", "reports:\n", "reports: unknown; near: report"),
        ("  samples: 8", "  n: 3\n  samples: 8", "generate.n: unknown; there are: engine, endpoint, samples, "),
        ("  samples: 8", "  samples: 1", "generate.samples: Input should be greater than or equal to 2"),
        ("  samples: 8", "  samples: 256", "generate.samples: Input should be less than or equal to 255"),
        ("  samples: 8", "  samples: many", "generate.samples: Input should be a valid integer"),
        ("  samples: 8", "  samples: 8.5", "generate.samples: Input should be a valid integer"),
        ("  samples: 8", "  samples: null", "generate.samples: Input should be a valid integer"),
        (
            "  max_tokens: 128",
            "  max_tokens: 256",
            "(top): Value error, prompts.max_tokens: prompts of 256 tokens leave",
        ),
        (
            "  max_model_len: 256",
            "  max_model_len: 257",
            "(top): Value error, generate.max_model_len 257 is beyond train_sft.base.context 256",
        ),
        ("  max_tokens: 128", "  max_tokens: 200", "(top): Value error, prompts.max_tokens: prompts of 200 tokens"),
        (
            "judges: [reward]\n  ensemble: null",
            "judges: [reward, preference]\n  ensemble: rank_vote",
            "(top): Value error, pair.length_penalty: rewards of rank_vote lie within 1, and 0.01 per character takes "
            "more than that from 320 characters (generate.max_tokens); at most 0.0031",
        ),
        ("  length_penalty: 0.01", "  length_penalty: -0.01", "pair.length_penalty: Input should be greater than or"),
        ("  min_margin: 0.0\n", "  min_margin: -1\n", "pair.min_margin: Input should be greater than or equal to 0"),
        ("  micro_batch_size: 1\n", "  micro_batch_size: 3\n", "train_sft: Value error, batch_size 4 is no multiple"),
        ("  label_smoothing: 0.0", "  label_smoothing: 0.1", "train_policy: Value error, label_smoothing needs loss"),
        ("  max_tokens: 80", "  max_tokens: 256", "generate: Value error, max_tokens 256 leaves no prompt in"),
        ("  hub: null", "  hub: gpt2", "tokenizer: Value error, give either hub or vocab_size"),
        ("  vocab_size: 1024", "  vocab_size: null", "tokenizer: Value error, give either hub or vocab_size"),
        ("engine: transformers # or v", "engine: ollama # or v", "generate.engine: Input should be 'transformers', "),
        ("engine: transformers # or v", "engine: openai # or v", "generate: Value error, engine: openai needs an end"),
        ("engine: transformers # or o", "engine: openai # or o", "judges.prompted: Value error, engine: op"),
        (
            "kind: reward",
            "kind: oracle",
            "judges.reward: no kind is 'oracle'; there are: reward, recorded, pairwise, prompted",
        ),
        (
            "ensemble: null",
            "ensemble: mean",
            "combine_rewards: Value error, ensemble says how several different judges count",
        ),
        (
            "judges: [reward]",
            "judges: [reward, prompted]",
            "combine_rewards: Value error, ensemble says how several different",
        ),
        ("endpoint: null", "endpoint: http://localhost:8000/v1", "generate: Value error, engine: openai needs an"),
        ("temperatures: [1.0]", "temperatures: []", "generate.temperatures: List should have at least 1 item"),
        ("held_out: 0.25", "held_out: 1", "held_out: Input should be less than 1"),
        ("format: world, kind: prompts", "format: csv, kind: prompts", "ingest.sources.world_prompts"),
        ("world_pairs:", "World Pairs:", "ingest.sources.World Pairs"),
        (
            "  min_margin: {}",
            "  min_margin: {zoo: 1}",
            "(top): Value error, clean.min_margin: no source of preferences: zoo",
        ),
        (
            "shards: 3",
            "shards: 3\n  held_out: [world_pairs]",
            "(top): Value error, prompts.held_out: no source of prompts",
        ),
        ("shards: 3", "shards: 3\n  held_out: []", "prompts.held_out: List should have at least 1 item"),
        ("complete: []", "complete: [world_chats]", "(top): Value error, table5.complete: no source of preferences: w"),
        ("sources: null", "sources: {zoo: 1}", "(top): Value error, mix.all.sources: no source of preferences: zoo"),
        (
            "sources: null",
            "sources: {world_pairs: 1.5}",
            "mix.all.sources.world_pairs: Input should be less than or eq",
        ),
        ("conflicting_labels: first", "conflicting_labels: last", "clean.conflicting_labels: Input should be 'first',"),
        (
            "near_duplicates: null",
            "near_duplicates: {threshold: 0.8, words: 3, permutations: 128, bands: 30}",
            "clean.near_duplicates: Value error, permutations 128 is no multiple of bands 30",
        ),
    ],
)
def test_a_wrong_value_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, told: str) -> None:
    write(tmp_path, {old: new})
    monkeypatch.chdir(tmp_path)
    message = refusal(tmp_path)
    assert message.startswith("params/tiny.yaml: ")
    assert f"\n  {told}" in message


def test_each_wrong_value_has_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"  samples: 8": "  samples: 1", "held_out: 0.25": "held_out: -1"})
    monkeypatch.chdir(tmp_path)
    assert refusal(tmp_path) == (
        "params/tiny.yaml: 2 wrong value(s)"
        "\n  held_out: Input should be greater than or equal to 0"
        "\n  generate.samples: Input should be greater than or equal to 2"
    )


def test_a_number_without_a_dot_is_a_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"learning_rate: 2.0e-4": "learning_rate: 5e-7"})
    monkeypatch.chdir(tmp_path)
    assert params.load().train_policy.learning_rate == 5e-7


def test_an_unknown_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {}, profile="big")
    monkeypatch.chdir(tmp_path)
    assert refusal(tmp_path) == "params.yaml: profile 'big' has no file params/big.yaml; there are: tiny"


def test_a_mix_that_the_profile_does_not_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {}, mix="mix2")
    monkeypatch.chdir(tmp_path)
    assert refusal(tmp_path) == "params.yaml: mix: tiny has no 'mix2'; it has: all"


@pytest.mark.parametrize("key", ["scored_by: [reward]", "tested: [reward, prompted]", "second_judge: preference"])
def test_a_judge_that_the_profile_does_not_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    unknown = key.replace("reward", "oracle").replace("preference", "oracle")
    write(tmp_path, {}, judged=JUDGED.replace(key, unknown))
    monkeypatch.chdir(tmp_path)
    assert refusal(tmp_path) == "params.yaml: tiny has no judge oracle; it has: preference, prompted, reward"


def test_a_judge_that_ranks_without_scoring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"judges: [reward]": "judges: [preference]"})
    monkeypatch.chdir(tmp_path)
    assert (
        refusal(tmp_path)
        == "combine_rewards.judges: preference must be in params.yaml's `scored_by` to score responses"
    )


def test_a_profile_is_a_name_and_no_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {}, profile="../params/tiny")
    monkeypatch.chdir(tmp_path)
    assert "params.yaml: 1 wrong value(s)\n  profile: " in refusal(tmp_path)


@pytest.mark.parametrize("text", ["profile: [tiny", "profile: tiny\nprofile: tiny\n"])
def test_not_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    (tmp_path / "params.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    assert refusal(tmp_path).startswith("params.yaml: not YAML: ")


@pytest.mark.parametrize("text", ["", "- tiny\n", "tiny"])
def test_yaml_of_another_layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    (tmp_path / "params.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    assert refusal(tmp_path).startswith("params.yaml: 1 wrong value(s)\n  (top): ")


def test_away_from_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert refusal(tmp_path) == "params.yaml: absent; run this from the project's root"


def test_iterations_that_are_no_chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {}, prev="iter0")
    monkeypatch.chdir(tmp_path)
    assert refusal(tmp_path).startswith("params.yaml: iterations must run iter1, iter2, …")


@pytest.mark.parametrize("policies", ["[iter0, iter1]", "[iter1, iter2]", "[iter0, iter2, iter1]"])
def test_policies_that_do_not_match(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policies: str) -> None:
    write(tmp_path, {}, policies=policies)
    monkeypatch.chdir(tmp_path)
    assert refusal(tmp_path) == (
        "params.yaml: policies must be iter0 and every iteration, in order: iter0, iter1, iter2"
    )


def test_number() -> None:
    assert [params.number(name) for name in ("iter0", "iter3", "iter12")] == [0, 3, 12]
