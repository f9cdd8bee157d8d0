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
    about: str  # what one row is
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
    "preferences": Table("data/preferences/{source}.parquet", "Preferences", "one comparison"),
    "rejects": Table("data/rejects/{step}.parquet", "Rejects", "one raw record that was dropped, with the rule"),
    "mix_rejects": Table(
        "data/rejects/mixes/{mix}.parquet", "MixRejects", "one comparison that a mix dropped, with the rule"
    ),
    "offline_rejects": Table(
        "data/rejects/offline/{mix}.parquet",
        "MixRejects",
        "one comparison of the mix that is no offline pair, with the rule",
    ),
    "training_rejects": Table(
        "data/rejects/training/{model}.parquet",
        "MixRejects",
        "one comparison that a training left out, with the rule",
    ),
    "pair_rejects": Table(
        "data/rejects/pairs/{iteration}.parquet", "PairRejects", "one response that is in no pair, with the rule"
    ),
    "mixes": Table("data/mixes/{mix}/{side}.parquet", "Preferences", "one comparison of a mix"),
    "extras": Table("data/extras.parquet", "Extras", "one record's fields that its source names as `extra`"),
    "lengths": Table("data/lengths/{source}.parquet", "Lengths", "one comparison's tokens"),
    "counts": Table("data/counts.parquet", "Counts", "one source: records read and kept, rows they gave"),
    "test_counts": Table("data/test_counts.parquet", "Counts", "as `counts`, of the benchmarks' comparisons"),
    "instructions": Table("data/instructions/train.parquet", "Instructions", "one SFT conversation"),
    "prompt_pool": Table("data/prompt_pool.parquet", "PromptPool", "one prompt before it is dealt to a shard"),
    "prompts": Table("data/prompts/{shard}.parquet", "Prompts", "one prompt"),
    "generations": Table("data/generations/{iteration}/*.parquet", "Generations", "one response"),
    "scores": Table("data/scores/{iteration}/{judge}.parquet", "Rewards", "one judge's reward for a response"),
    "rewards": Table("data/rewards/{iteration}.parquet", "Rewards", "the reward of a response that pairs are made by"),
    "pairs": Table("data/pairs/{iteration}.parquet", "Pairs", "one DPO pair"),
    "history": Table(
        "data/history/{iteration}/*.parquet",
        "History",
        "one pair of the iterations so far; the view is the last iteration's",
        newest=True,
    ),
    "evaluations": Table(
        "data/evaluations/{policy}.parquet", "Evaluations", "one held-out prompt answered by a policy"
    ),
    "logprobs": Table(
        "data/logprobs/{policy}.parquet",
        "LogProbabilities",
        "one test response's log-probabilities under its policy and π₀",
    ),
    "second_opinions": Table(
        "data/second_opinions/{policy}.parquet",
        "SecondOpinions",
        "the second judge on a policy's test answer against π₀'s",
    ),
    "reward_tests": Table("data/reward_tests/pairs.parquet", "RewardTests", "one comparison that judges are tested on"),
    "verdicts": Table("data/reward_tests/{judge}.parquet", "Verdicts", "one judge's verdict on such a comparison"),
}
LITERAL = {table.path for table in TABLES.values() if not table.columns}  # no other table's, whatever its pattern says
VIEW_ROWS = {
    "scored": "one response with its reward, its rank and its prompt",
    "paired": "one pair, with what is known of both responses",
}
VIEWS = {"scored": ("generations", "rewards", "prompts"), "paired": ("pairs", "generations")}  # sql/views/<name>.sql
NAMES = (*TABLES, *VIEWS)
