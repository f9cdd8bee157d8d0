"""Where the files of each table lie, now and at any revision, and what their paths tell.

dvc.yaml writes the tables; these are the same paths, by table, for those who ask of all iterations and sources at once.
tests/sql/test_catalog.py holds one against the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

Told = tuple[tuple[str, str], ...]  # what a file's path says: (("mix", "all"), ("side", "train"))


@dataclass(frozen=True)
class Table:
    """One table: `{names}` in its path are columns of the view, unless the files have a column of that name."""

    path: str
    schema: str  # its class in schemas.py, by name: importing that takes longer than most queries
    newest: bool = False  # each iteration's folder holds what was in the one before, so the last is the table

    @property
    def folder(self) -> str:
        """The path up to its first variable part."""
        return re.split(r"/[^/]*[{*]", self.path)[0]

    @property
    def columns(self) -> list[str]:
        """What the path tells."""
        return re.findall(r"{(\w+)}", self.path)

    def groups(self, names: Iterable[str]) -> dict[Told, list[str]]:
        """Those of the files that are this table's, by what their paths say."""
        variable = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/.][^/]*)", re.escape(self.path)).replace(r"\*", "[^/.][^/]*")
        found: dict[Told, list[str]] = {}
        for name in sorted(set(names) - (LITERAL - {self.path})):
            if match := re.fullmatch(variable, name):
                found.setdefault(tuple(match.groupdict().items()), []).append(name)
        if self.newest and found:
            last = max(found, key=lambda told: (len(told[0][1]), told[0][1]))  # iter9 before iter10
            return {last: found[last]}
        return found


TABLES = {
    "preferences": Table("data/preferences/{source}.parquet", "Preferences"),
    "rejects": Table("data/rejects/{step}.parquet", "Rejects"),
    "mix_rejects": Table("data/rejects/mixes/{mix}.parquet", "MixRejects"),
    "offline_rejects": Table("data/rejects/offline/{mix}.parquet", "MixRejects"),
    "pair_rejects": Table("data/rejects/pairs/{iteration}.parquet", "PairRejects"),
    "mixes": Table("data/mixes/{mix}/{side}.parquet", "Preferences"),
    "extras": Table("data/extras.parquet", "Extras"),
    "lengths": Table("data/lengths/{source}.parquet", "Lengths"),
    "counts": Table("data/counts.parquet", "Counts"),
    "test_counts": Table("data/test_counts.parquet", "Counts"),
    "instructions": Table("data/instructions/train.parquet", "Instructions"),
    "prompt_pool": Table("data/prompt_pool.parquet", "PromptPool"),
    "prompts": Table("data/prompts/{shard}.parquet", "Prompts"),
    "generations": Table("data/generations/{iteration}/*.parquet", "Generations"),
    "scores": Table("data/scores/{iteration}/{judge}.parquet", "Rewards"),
    "rewards": Table("data/rewards/{iteration}.parquet", "Rewards"),
    "pairs": Table("data/pairs/{iteration}.parquet", "Pairs"),
    "history": Table("data/history/{iteration}/*.parquet", "History", newest=True),
    "evaluations": Table("data/evaluations/{policy}.parquet", "Evaluations"),
    "logprobs": Table("data/logprobs/{policy}.parquet", "LogProbabilities"),
    "second_opinions": Table("data/second_opinions/{policy}.parquet", "SecondOpinions"),
    "reward_tests": Table("data/reward_tests/pairs.parquet", "RewardTests"),
    "verdicts": Table("data/reward_tests/{judge}.parquet", "Verdicts"),
}
LITERAL = {table.path for table in TABLES.values() if not table.columns}  # no other table's, whatever its pattern says
VIEWS = {"scored": ("generations", "rewards", "prompts"), "paired": ("pairs", "generations")}  # sql/views/<name>.sql
NAMES = (*TABLES, *VIEWS)
