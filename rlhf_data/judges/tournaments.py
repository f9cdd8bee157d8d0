"""Rewards from pairwise verdicts: a tournament among the K responses to each prompt."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import combinations
from typing import Literal, NamedTuple

import polars as pl
from tqdm import tqdm

from rlhf_data.hashing import content_id
from rlhf_data.inference.protocols import Judge, ResponsePair
from rlhf_data.judges import both_orders
from rlhf_data.loop.responses import parts, to_judge, with_prompts, with_rewards
from rlhf_data.schemas import Message

Prefer = Callable[[Sequence[ResponsePair]], list[float]]  # P(first is better) of each; NaN: no verdict
Ranking = Literal["knock_out", "round_robin"]
DRAW = 0.5  # also where there is no verdict


class Contest(NamedTuple):
    """A prompt and its responses, all different."""

    prompt: list[Message]
    responses: Sequence[str]


def to_play(rows: pl.DataFrame, *, judge: str, job: str, ranking: Ranking) -> pl.DataFrame:
    """Responses as `responses.to_judge` gives them; `job` also covers the ranking and all responses to the prompt.

    A reward depends on the other responses too: where one changes, the whole prompt is judged again.
    """
    judged = to_judge(rows, judge=judge, job=job)
    met = judged.group_by("prompt_id", maintain_order=True).agg(pl.col("response_id").unique(maintain_order=True))
    jobs = [content_id(job, ranking, *ids) for ids in met["response_id"]]
    by_prompt = met.select("prompt_id", job=pl.Series(jobs, dtype=pl.String))
    return judged.drop("job").join(by_prompt, on="prompt_id", how="left", validate="m:1", maintain_order="left")


def played(
    judge: Judge,
    rows: pl.DataFrame,
    prompts: pl.DataFrame,
    *,
    ranking: Ranking,
    orders: Literal["both", "one"],
    part_prompts: int,
) -> Iterator[pl.DataFrame]:
    """`to_play` rows, all different, with their `reward`, all responses to `part_prompts` prompts at a time."""
    with tqdm(total=rows.height, desc="rewards", unit="response") as progress:
        for part in parts(rows, prompts=part_prompts).values():
            asked = with_prompts(part, prompts).group_by("prompt_id", maintain_order=True)
            contests = [
                Contest(*one)
                for one in asked.agg(pl.col("prompt").first(), "response")["prompt", "response"].iter_rows()
            ]
            rewards = play(contests, partial(both_orders.prefer, judge, orders=orders), ranking=ranking)
            yield with_rewards(part, [reward for some in rewards for reward in some])
            progress.update(part.height)


def play(contests: Sequence[Contest], prefer: Prefer, *, ranking: Ranking) -> list[list[float]]:
    """The reward of each contest's responses; a round of all contests is judged at once, in large batches."""
    return (knock_out if ranking == "knock_out" else round_robin)(contests, prefer)


def round_robin(contests: Sequence[Contest], prefer: Prefer) -> list[list[float]]:
    """Each response's mean probability of being better than another one, in [0, 1]: K(K−1)/2 comparisons per prompt.

    A single response gets 0.5.
    """
    games = [
        (n, *game) for n, contest in enumerate(contests) for game in combinations(range(len(contest.responses)), 2)
    ]
    won = [[0.0] * len(contest.responses) for contest in contests]
    for (n, first, second), p in zip(games, _verdicts(contests, games, prefer), strict=True):
        won[n][first] += p
        won[n][second] += 1 - p
    return [[score / (len(scores) - 1) if len(scores) > 1 else DRAW for score in scores] for scores in won]


def knock_out(contests: Sequence[Contest], prefer: Prefer) -> list[list[float]]:
    """Knock-out: rounds won in the winners' bracket, or minus those lost in the losers': 3 to −3 for 8 responses.

    The winners' bracket is the released code's tournament. The losers' bracket is added here, since a pair needs the
    worst response too. It takes 10 comparisons for 8 responses. Neighbours are compared; an odd one out advances; a tie
    goes to the earlier response.
    """
    rewards = [[0.0] * len(contest.responses) for contest in contests]
    winners = [set[int]() for _ in contests]
    lower = [list[int]() for _ in contests]
    upper = [list(range(len(contest.responses))) for contest in contests]
    while any(len(some) > 1 for some in upper):
        games = _neighbours(upper)
        wins = _wins(games, _verdicts(contests, games, prefer))
        for n, better, worse in wins:
            winners[n].add(better)
            if worse not in winners[n]:
                lower[n].append(worse)
        upper = _next_round(upper, [(n, better) for n, better, _ in wins], rewards, +1)
    for n, some in enumerate(lower):
        for one in some:
            rewards[n][one] = -1
    while any(len(some) > 1 for some in lower):
        games = _neighbours(lower)
        wins = _wins(games, _verdicts(contests, games, prefer))
        lower = _next_round(lower, [(n, worse) for n, _, worse in wins], rewards, -1)
    return rewards


def _neighbours(players: list[list[int]]) -> list[tuple[int, int, int]]:
    """The comparisons of a round: index of the contest, and of two neighbouring responses."""
    return [(n, *game) for n, some in enumerate(players) for game in zip(some[::2], some[1::2], strict=False)]


def _wins(games: list[tuple[int, int, int]], verdicts: list[float]) -> list[tuple[int, int, int]]:
    """Contest, winner and loser of each comparison."""
    return [
        (n, first, second) if p >= DRAW else (n, second, first)
        for (n, first, second), p in zip(games, verdicts, strict=True)
    ]


def _next_round(
    players: list[list[int]], through: list[tuple[int, int]], rewards: list[list[float]], worth: int
) -> list[list[int]]:
    """The next round's players: those `through` and an odd one out, each rewarded by `worth`; a last player stays."""
    stay = [list[int]() if len(some) > 1 else some for some in players]
    for n, one in through:
        stay[n].append(one)
    for n, some in enumerate(players):
        if len(some) > 1:
            stay[n] += some[len(some) // 2 * 2 :]
            for one in stay[n]:
                rewards[n][one] += worth
    return stay


def _verdicts(contests: Sequence[Contest], games: Sequence[tuple[int, int, int]], prefer: Prefer) -> list[float]:
    shown = [
        ResponsePair(contests[n].prompt, contests[n].responses[first], contests[n].responses[second])
        for n, first, second in games
    ]
    return [DRAW if math.isnan(p) else p for p in (prefer(shown) if shown else [])]
