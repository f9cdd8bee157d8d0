"""Judges that nobody trains here: scores of a file, looked up by their texts, and another's reward model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import TypeAdapter, ValidationError

from rlhf_data.errors import EngineError, SourceError
from rlhf_data.evaluation import reward_tests
from rlhf_data.inference.protocols import ResponsePair
from rlhf_data.judges import given_folder
from rlhf_data.judges.open import open_judge
from rlhf_data.params.judges import Judge, RecordedJudge
from rlhf_data.params.profiles import Params
from rlhf_data.schemas import Message, Prompts

FISH: list[Message] = [{"role": "user", "content": "Name a fish."}]
BIRD: list[Message] = [{"role": "user", "content": "Name a bird."}]
# what two judges said of two pairs; the second response of the second pair is the right one
PAIRS = [
    {"q": "Name a fish.", "a": "A carp.", "b": "A whale.", "scores": {"large": [1.5, -0.5], "small": [0.25, 0.25]}},
    {"q": "Name a bird.", "a": "A bat.", "b": "A wren.", "scores": {"large": [0.5, "0.75"], "small": [2, -1]}},
]
TESTS = [ResponsePair(FISH, "A carp.", "A whale."), ResponsePair(BIRD, "A wren.", "A bat.")]


def of_pairs(path: Path, name: str) -> dict[str, Any]:
    scores = {f"{side}_score": f"scores.{name}.{place}" for place, side in enumerate(("first", "second"))}
    return {"kind": "recorded", "path": str(path), "prompt": "q", "first": "a", "second": "b", **scores}


def opened(section: dict[str, Any], folder: Path, tiny: Params) -> Any:
    judge: Any = TypeAdapter[Any](Judge).validate_python(section)
    given_folder.save(judge, folder)
    return open_judge(folder, judge, score=tiny.score, max_length=64)


def lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


@pytest.mark.parametrize(
    ("name", "preferences", "half", "wrong"), [("large", [1.0, 1.0], 1.0, 1.0), ("small", [0.5, 0.0], 0.25, 0.0)]
)
def test_published_accuracies_come_out_of_recorded_scores(
    tmp_path: Path, tiny: Params, name: str, preferences: list[float], half: float, wrong: float
) -> None:
    judge = opened(of_pairs(lines(tmp_path / "p.jsonl", PAIRS), name), tmp_path / name, tiny)
    assert judge.prefer(TESTS) == preferences
    turned = [one._replace(first=one.second, second=one.first) for one in TESTS]
    assert judge.prefer(turned) == [1 - one for one in preferences]
    for ties, accuracy in (("half", half), ("wrong", wrong)):
        counted = [reward_tests.TIE[ties] if one == 0.5 else one for one in preferences]
        assert sum(counted) / 2 == accuracy


def test_scores_of_single_responses_are_rewards(tmp_path: Path, tiny: Params) -> None:
    rows: list[dict[str, Any]] = [{"p": FISH, "r": "A carp.", "s": 2}]
    rows += [{"p": "Name a fish.\r\n", "r": " Tea. ", "s": "-1.5"}]
    path = lines(tmp_path / "r.jsonl", [*rows, {"p": FISH, "r": "An eel.", "s": None}])
    section = {"kind": "recorded", "path": str(path), "prompt": "p", "response": "r", "score": "s"}
    judge = opened(section, tmp_path / "given", tiny)
    assert judge.prefer([ResponsePair(FISH, "A carp.", "Tea."), ResponsePair(FISH, "Tea.", "A carp.")]) == [1.0, 0.0]

    prompts = pl.DataFrame([("a", "zoo", 0, FISH, 1, None)], schema=Prompts.create_empty().schema, orient="row")
    said = pl.DataFrame({"prompt_id": ["a", "a"], "sample": [0, 1], "response": ["Tea.", "A carp."]})
    (found,) = judge.rewards(judge.wanted(said, judge="given"), prompts, part_prompts=1)
    assert found["reward"].to_list() == [-1.5, 2.0]
    assert found["job"].unique().to_list() == [judge.fingerprint]
    other = judge.wanted(said.with_columns(response=pl.Series(["Tea.", "Milk."])), judge="given")
    with pytest.raises(
        EngineError, match=r"given: 1 of 2 have no recorded score; the first: 'Name a fish\.' answered by"
    ):
        list(judge.rewards(other, prompts, part_prompts=1))
    with pytest.raises(EngineError, match=r"1 of 1 have no recorded score; .* answered by 'An eel\.'"):
        judge.prefer([ResponsePair(FISH, "An eel.", "Tea.")])


def test_a_text_scored_twice_otherwise_is_an_error_that_names_the_record(tmp_path: Path, tiny: Params) -> None:
    turned = {"q": "Name a fish.", "a": "A whale.", "b": "A carp.", "scores": {"large": [-0.5, 1.5]}}
    opened(of_pairs(lines(tmp_path / "a.jsonl", [*PAIRS, turned]), "large"), tmp_path / "a", tiny)
    other = {**turned, "scores": {"large": [1.5, -0.5]}}
    with pytest.raises(EngineError, match="record 2 scores texts again that an earlier one scores otherwise"):
        opened(of_pairs(lines(tmp_path / "b.jsonl", [*PAIRS, other]), "large"), tmp_path / "b", tiny)
    with pytest.raises(EngineError, match="no record can be used\n  record 0: wrong_layout: no field 'none'"):
        opened(of_pairs(lines(tmp_path / "c.jsonl", PAIRS), "none"), tmp_path / "c", tiny)
    with pytest.raises(SourceError, match="not the file that was pinned"):
        opened({**of_pairs(tmp_path / "a.jsonl", "large"), "sha256": "0"}, tmp_path / "d", tiny)


def test_a_judge_names_one_score_or_two(tmp_path: Path) -> None:
    for change in ({"response": "a"}, {"first": None}, {"response": "a", "score": "s"}):
        with pytest.raises(ValidationError, match="give response and score, or first, second"):
            TypeAdapter(RecordedJudge).validate_python({**of_pairs(tmp_path, "x"), **change})


def test_anothers_reward_model_judges_as_one_that_was_trained_here(
    tmp_path: Path, reward_dir: Path, tiny: Params
) -> None:
    given = opened({"kind": "reward", "model": str(reward_dir)}, tmp_path / "given", tiny)
    section = TypeAdapter[Any](Judge).validate_python({"kind": "reward"})
    own = open_judge(reward_dir, section, score=tiny.score, max_length=64)
    assert given.prefer(TESTS) == own.prefer(TESTS)
    assert given.fingerprint == own.fingerprint
