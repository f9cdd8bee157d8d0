"""The folder of a judge that nobody trains here: another's reward model, or the scores that somebody's judge gave.

    {"prompt": "Name a fish.", "a": "A carp.", "b": "A whale.", "scores": {"judge_x": [1.5, -0.5]}}, by
    {kind: recorded, prompt: prompt, first: a, second: b, first_score: scores.judge_x.0, second_score: scores.judge_x.1}

Its fingerprint is of what the folder holds: a checkpoint, or the scores by the hashes of the texts that they are of.
"""

from __future__ import annotations

import shutil
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl

from rlhf_data.errors import EngineError
from rlhf_data.hashing import conversation_id
from rlhf_data.judges.recorded import SCORES, text_id
from rlhf_data.models import folders, loading
from rlhf_data.params.judges import RecordedJudge, RewardJudge
from rlhf_data.schemas import RecordedScores
from rlhf_data.sources import chats, fields, readers, unread
from rlhf_data.sources.records import BadRecord
from rlhf_data.storage import tables


def save(judge: RewardJudge | RecordedJudge, folder: Path) -> None:
    """Makes the judge's folder; raises `EngineError` where the model or the scores cannot be had."""
    if isinstance(judge, RecordedJudge):
        folder.mkdir(parents=True)
        tables.write(recorded(judge), folder / SCORES, RecordedScores)
    elif judge.model is None:
        raise EngineError("a reward judge without `model` is trained here\n  name it in `given_judges` with a model")
    elif Path(judge.model).is_dir():
        shutil.copytree(loading.opened(judge.model, None), folder)
    else:
        _download(judge.model, judge.revision, folder)


def recorded(judge: RecordedJudge) -> pl.DataFrame:
    """The scores of a file as `RecordedScores`.

    Records that say no score are left out, and how many is printed. Raises `EngineError`, naming the record, where two
    score the same texts differently, and where none can be used.
    """
    found: dict[tuple[str, str, str], tuple[float, float]] = {}
    refused: list[str] = []
    number = -1
    for number, record in enumerate(readers.pinned(Path(), judge)):
        try:
            key, scores = _read(unread.noted(record), judge)
        except BadRecord as bad:
            refused.append(f"record {number}: {bad}")
            continue
        if found.setdefault(key, scores) != scores:
            raise EngineError(f"{judge.path}: record {number} scores texts again that an earlier one scores otherwise")
    if refused:
        print(f"{judge.path}: {len(refused)} of {number + 1} records have no score; {refused[0]}", flush=True)
    if not found:
        raise EngineError(f"{judge.path}: no record can be used\n  {refused[0] if refused else 'it is empty'}")
    rows = [(*key, *scores) for key, scores in found.items()]
    return pl.DataFrame(rows, schema=RecordedScores.create_empty().schema, orient="row")


def refuse_unread(judge: RecordedJudge, root: Path, most: int = 200) -> None:
    """Raises `EngineError` where none of the file's first records says a score; its path starts from `root`."""
    refused: list[str] = []
    for number, record in enumerate(islice(readers.pinned(root, judge), most)):
        try:
            _read(unread.noted(record), judge)
            return
        except BadRecord as bad:
            refused.append(f"record {number}: {bad}")
    raise EngineError(f"{judge.path}: no record can be used\n  {refused[0]}")


def _read(record: Any, judge: RecordedJudge) -> tuple[tuple[str, str, str], tuple[float, float]]:
    asked = fields.messages_of_text(fields.at(record, judge.prompt))
    prompt = chats.turns(asked) if isinstance(asked, list) else chats.asked(fields.as_text(asked, "the prompt"), "")
    prompt_id = conversation_id(prompt)
    if judge.response is not None:
        score = fields.as_number(fields.at(record, judge.score), f"field {judge.score!r}")
        return (prompt_id, _text(record, judge.response), ""), (score, 0.0)
    first, second = (_text(record, one) for one in (judge.first, judge.second))
    named = (judge.first_score, judge.second_score)
    high, low = (fields.as_number(fields.at(record, one), f"field {one!r}") for one in named)
    # in the order of their ids, since a comparison may be shown either way
    (first, high), (second, low) = sorted(((first, high), (second, low)))
    return (prompt_id, first, second), (high, low)


def _text(record: Any, name: str | None) -> str:
    return text_id(fields.as_text(fields.at(record, name), f"field {name!r}"))


def _download(model: str, revision: str | None, folder: Path) -> None:
    from huggingface_hub import snapshot_download

    try:
        wanted = loading.FILES + loading.WEIGHTS
        snapshot_download(
            model, revision=revision, local_dir=folder, allow_patterns=wanted, ignore_patterns=loading.COPIES
        )
    except (OSError, ValueError) as error:
        raise EngineError(f"{model}: no folder, and the hub does not give it: {error}") from error
    shutil.rmtree(folder / ".cache", ignore_errors=True)  # the hub's bookkeeping, another one each time
    folders.refuse_strange(folder)
