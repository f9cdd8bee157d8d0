"""Wrong keys of a profile, given literally → a line each, by the user's own path, with what is near."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rlhf_data import params
from rlhf_data.errors import ParamsError
from rlhf_data.params import merging

ROOT = Path(__file__).parents[2]
VOTES = {"format": "custom", "kind": "preferences", "path": "a", "prompt": "q", "chosen": "a", "rejected": "b"}


def refusal(*place: str, value: Any) -> list[str]:
    """What is said of the default profile with this value at that place."""
    values: Any = merging.merged("tiny", ROOT)
    inner = values
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = value
    with pytest.raises(ParamsError) as refused:
        params.checked(values, "params/mine.yaml")
    return str(refused.value).splitlines()[1:]


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("genrate", {}, "genrate: unknown; near: generate"),
        ("pair.lenght_penalty", 1, "pair.lenght_penalty: unknown; near: length_penalty"),
        ("pair.x", 1, "pair.x: unknown; there are: length_penalty, min_margin, drop_truncated"),
        ("ingest.sources.votes", VOTES | {"promt": "q"}, "ingest.sources.votes.promt: unknown; near: prompt"),
        ("ingest.sources.votes", VOTES | {"format": "costum"},
         "ingest.sources.votes: no format is 'costum'; near: custom"),
        ("ingest.sources.votes", VOTES | {"sha": "1"}, "ingest.sources.votes.sha: unknown; near: sha256"),
        ("judges.prompted.batchsize", 3, "judges.prompted.batchsize: unknown; near: batch_size"),
        ("judges.other", {"kind": "rewrd"}, "judges.other: no kind is 'rewrd'; near: reward, recorded"),
        ("mix.all.max_pair", 3, "mix.all.max_pair: unknown; near: max_pairs, max_test_pairs"),
        ("benchmark_pairs.sets", {"zoo": {"fish": VOTES | {"promt": "q"}}},
         "benchmark_pairs.sets.zoo.fish.promt: unknown; near: prompt"),
        ("generate.samples", "many", "generate.samples: Input should be a valid integer, unable to parse string as"),
        ("clean.near_duplicates", {"treshold": 0.5}, "clean.near_duplicates.treshold: unknown; near: threshold"),
        ("clean.near_duplicates", 3, "clean.near_duplicates: Input should be a dictionary or an instance of"),
        ("train_sft.base", {"layer": 2}, "train_sft.base.layer: unknown; near: layers"),
    ],
)  # fmt: skip
def test_a_wrong_key_is_told_with_what_is_near(place: str, value: Any, said: str) -> None:
    lines = refusal(*place.split("."), value=value)
    assert any(line.strip().startswith(said) for line in lines), lines


def test_every_section_names_its_own_keys() -> None:
    for section, values in merging.merged("tiny", ROOT).items():
        if isinstance(values, dict) and section not in ("mix", "judges"):
            (line,) = refusal(section, "no_such_key", value=1)
            assert line.startswith(f"  {section}.no_such_key: unknown; ")
            assert any(name in line for name in values), line
