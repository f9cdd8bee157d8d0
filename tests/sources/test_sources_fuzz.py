"""A thousand spoilt records of every format and kind, under every choice of its options: none crashes, all add up."""

from __future__ import annotations

import dataclasses
import json
import math
from inspect import signature
from itertools import product
from pathlib import Path
from random import Random
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest

from rlhf_data.cleaning import ingest, rejects
from rlhf_data.params import sources
from rlhf_data.params.sources import RecordSource, Source, WorldSource
from rlhf_data.schemas import Instructions, Preferences, PromptPool, Rejects
from rlhf_data.sources import readers
from rlhf_data.sources.formats import KINDS, parser
from rlhf_data.storage import tables

EXAMPLES = Path(__file__).parent / "data"
SCHEMAS = {"preferences": Preferences, "instructions": Instructions, "prompts": PromptPool}
NAMED: dict[str, dict[str, list[Any]]] = {
    "shp": {"min_ratio": [2.0]},
    "ultrainteract": {"tasks": [None, ["Coding", "Math_PoT"]]},
}
MINE = {
    "preferences": [
        {"prompt": "task.question", "chosen": "answers.0.text", "rejected": "answers.1.text", "system": "task.how"},
        {"prompt": "task.question", "response": "answers.0.text", "score": "answers.0.stars"},
        {"chosen": "answers.0.text", "rejected": "answers.1.text", "chosen_score": "answers.0.stars"},
        {
            "prompt": "task.question",
            "first": "answers.0.text",
            "second": "answers.1.text",
            "label": "answers.0.stars",
            "labels": "positive_first",
        },
    ],
    "instructions": [{"messages": "answers.0.text"}, {"prompt": "task.question", "response": "answers.0.text"}],
    "prompts": [{"messages": "task.question"}, {"prompt": "task.question", "system": "task.how"}],
}
NOTHING = dict.fromkeys(field.name for field in dataclasses.fields(sources.CustomSource)) | {"annotator": "me"}


def formats() -> dict[str, type]:
    """The section of each format."""
    found: dict[str, type] = {}
    for section in get_args(Source):
        found |= dict.fromkeys(get_args(get_type_hints(section)["format"]), section)
    return found


FORMATS = formats()


def options(format: str, kind: str) -> list[dict[str, Any]]:
    """Every combination of the choices that a format leaves open."""
    if format == "custom":
        return [NOTHING | one for one in MINE[kind]]
    if FORMATS[format] is WorldSource:
        return [{}]
    shared = {field.name for field in dataclasses.fields(RecordSource)} | {"format"}
    choices: dict[str, list[Any]] = {}
    for name, hint in get_type_hints(FORMATS[format]).items():
        if name not in shared:
            known = {Literal: list(get_args(hint))} | {bool: [False, True]}
            choices[name] = known.get(get_origin(hint) or hint, [None])
    choices |= NAMED.get(format, {})
    return [dict(zip(choices, one, strict=True)) for one in product(*choices.values())]


def kinds(format: str) -> list[str]:
    module = __import__(f"rlhf_data.sources.formats.{format}", fromlist=KINDS)
    return [kind for kind in KINDS if hasattr(module, kind)]


WITH_EXAMPLES = sorted(path.stem for path in EXAMPLES.glob("*.jsonl"))
CASES = [(format, kind) for format in WITH_EXAMPLES for kind in kinds(format)]


def deep(levels: int) -> Any:
    found: Any = "bottom"
    for level in range(levels):
        found = [found] if level % 2 else {"value": found}
    return found


WRONG: list[Any] = [
    *(None, True, 0, -1, 10**400, 10**5000, 1.5, math.nan, -math.inf, "", "  ", "\x00", "\ud83d", "\n\nHuman:", "Día"),
    *(
        "\n\nHuman: a\n\nAssistant: b",
        "## Human:\na\n\n## Assistant:\nb",
        "user",
        "gpt",
        [],
        {},
        [[]],
        [None],
        {"": ""},
    ),
    *({"\ud83d": 1}, {"from": "gpt", "value": 3}, [{"role": "user"}], [{"role": [], "content": {}}], deep(30)),
    *(
        deep(50_000),
        "huge " * 5000,
        {1: 2},
        b"bytes",
        {("a", "b"): 1},
        {"role": "user", "content": [{"type": "text", "text": None}]},
    ),
]


def spoilt(value: Any, rng: Random) -> Any:
    """`value` with something somewhere in it replaced, dropped or repeated."""
    if rng.random() < 0.3 or not isinstance(value, dict | list) or not value:
        return rng.choice(WRONG)
    copy: Any = value.copy()
    place = rng.choice(list(copy)) if isinstance(copy, dict) else rng.randrange(len(copy))
    if rng.random() < 0.15:
        del copy[place]
    elif isinstance(copy, list) and rng.random() < 0.2:
        copy.append(copy[place])
    else:
        copy[place] = spoilt(copy[place], rng)
    return copy


@pytest.mark.parametrize(("format", "kind"), CASES)
def test_wrong_records_never_crash(format: str, kind: str) -> None:
    rng = Random(f"{format} {kind}")
    good = list(readers.records(EXAMPLES / f"{format}.jsonl"))
    variants = options(format, kind)
    for variant in variants:
        records = [spoilt(rng.choice(good), rng) for _ in range(1000 // len(variants) + 1)]
        parse = parser(format, kind, variant | {"seed": 7})
        cleaned = ingest.clean(records, parse, source="wrong", kind=kind, max_chars=10_000)
        assert cleaned.raw == len(records) == cleaned.kept + cleaned.rejects.height
        assert set(cleaned.table["row"]).isdisjoint(cleaned.rejects["row"])
        assert tables.check(cleaned.table, SCHEMAS[kind], Path("wrong")).height == cleaned.table.height
        for raw in tables.check(cleaned.rejects, Rejects, Path("rejects"))["raw"]:
            if len(raw) < rejects.RAW_CHARS:  # else cut
                json.loads(raw)


@pytest.mark.parametrize("format", sorted(FORMATS))
def test_no_option_is_ignored(format: str) -> None:
    module = __import__(f"rlhf_data.sources.formats.{format}", fromlist=KINDS)
    taken = {name for kind in kinds(format) for name in list(signature(getattr(module, kind)).parameters)[1:]}
    shared = {field.name for field in dataclasses.fields(RecordSource)} | {
        "format",
        "rows",
        "topics",
    }  # of what is drawn
    assert taken - {"seed"} == {field.name for field in dataclasses.fields(FORMATS[format])} - shared


def test_every_format_of_the_params_is_read_and_has_examples() -> None:
    shared = {
        "standard",
        "rm_bench",
        "messages",
        "instruction_response",
        "conversations",
        "single_prompt",
        "world",
    }  # by formats that add no reading
    alike = {name for name in FORMATS if name not in WITH_EXAMPLES}
    for name in alike:
        module = __import__(f"rlhf_data.sources.formats.{name}", fromlist=KINDS)
        assert {getattr(module, kind).__module__.rpartition(".")[2] for kind in kinds(name)} <= shared
    assert set(WITH_EXAMPLES) <= set(FORMATS)
