"""Rules of a mix: comparisons → those that are kept, and those dropped, each with its rule.

In this order: small_margin, too_many_tokens, contaminated, duplicate, conflicting_label, near_duplicate. The last
three are about several sources: ingest has judged each source by itself.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from rlhf_data.cleaning import rejects
from rlhf_data.cleaning.decontamination import Evaluation
from rlhf_data.cleaning.near_duplicates import repeats
from rlhf_data.cleaning.rules import PLACE, Judge, contaminated, contents, nearest, screen
from rlhf_data.errors import TableError
from rlhf_data.hashing import normal_forms
from rlhf_data.params.cleaning import CleanParams, NearDuplicateParams
from rlhf_data.schemas import Preferences


def with_tokens(preferences: pl.DataFrame, lengths: pl.DataFrame) -> pl.DataFrame:
    """Each comparison with its token counts; raises `TableError` where one has none."""
    joined = preferences.join(lengths, on="pair_id", how="left", validate="1:1", maintain_order="left")
    if uncounted := joined["prompt_tokens"].null_count():
        raise TableError(f"{uncounted} of {joined.height} comparisons have no token counts\n  `dvc repro lengths`")
    return joined


def clean(
    pairs: pl.DataFrame, rules: CleanParams, against: Evaluation | None, *, mix: str, seed: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The `Preferences` that stay, and the others as `MixRejects`.

    `pairs` is `Preferences` with token counts, in the mix's order of sources: of comparisons that say the same the
    earliest stays. Raises `TableError` where none of a source stays, which is hardly what a rule was meant for.
    """
    judges: dict[str, Judge] = {"small_margin": lambda found: _small_margin(found, rules.min_margin)}
    if (most := rules.max_tokens) is not None:
        judges["too_many_tokens"] = lambda found: _too_many_tokens(found, most)
    if against is not None:
        judges["contaminated"] = lambda found: contaminated(found, against)
    judges["duplicate"] = _duplicate
    if rules.conflicting_labels != "keep":
        judges["conflicting_label"] = lambda found: _conflicting(found, both=rules.conflicting_labels == "neither")
    if (near := rules.near_duplicates) is not None:
        judges["near_duplicate"] = lambda found: _near_duplicate(found, near, seed)

    kept, dropped = screen(pairs, judges)

    _refuse_nothing_kept(kept, dropped, mix)
    return kept.select(Preferences.column_names()), rejects.of_pairs(dropped, mix=mix)


def _small_margin(pairs: pl.DataFrame, least: Mapping[str, float]) -> pl.Series:
    due = pl.col("source").replace_strict(dict(least), default=None, return_dtype=pl.Float64)
    small = due.is_not_null() & (pl.col("margin") < due).fill_null(True)
    found = pl.col("margin").cast(pl.String).fill_null("unknown")
    return pairs.select(pl.when(small).then(pl.format("margin {}, at least {}", found, due))).to_series()


def _too_many_tokens(pairs: pl.DataFrame, most: int) -> pl.Series:
    tokens = pl.col("prompt_tokens") + pl.max_horizontal("chosen_tokens", "rejected_tokens")
    return pairs.select(pl.when(tokens > most).then(pl.format(f"{{}} tokens, at most {most}", tokens))).to_series()


def _duplicate(pairs: pl.DataFrame) -> pl.Series:
    same = [pl.col("prompt_id"), *_said(pairs)]
    repeated = pl.int_range(pl.len()).over(same) > 0
    return pairs.select(pl.when(repeated).then(pl.format("says the same as {}", PLACE.first().over(same)))).to_series()


def _said(pairs: pl.DataFrame) -> list[pl.Expr]:
    return [pl.lit(normal_forms(pairs[side])) for side in ("chosen", "rejected")]


def _conflicting(pairs: pl.DataFrame, *, both: bool) -> pl.Series:
    # duplicates are gone: of the same two responses there are at most two comparisons, one for each label
    sides = _said(pairs)
    same = ("prompt_id", pl.min_horizontal(sides), pl.max_horizontal(sides))
    place = pl.int_range(pl.len()).over(*same)
    other = pl.when(place == 0).then(PLACE.last().over(*same)).otherwise(PLACE.first().over(*same))
    dropped = (pl.len().over(*same) > 1) & (pl.lit(both) | (place > 0))
    return pairs.select(pl.when(dropped).then(pl.format("{} prefers the other response", other))).to_series()


def _near_duplicate(pairs: pl.DataFrame, near: NearDuplicateParams, seed: int) -> pl.Series:
    """Comparisons whose prompts, chosen and rejected responses all nearly say the same.

    Those of one source and one prompt are never held against each other: responses to a prompt may well be alike.
    """
    asked = pairs.unique("prompt_id", keep="first", maintain_order=True)
    groups = asked.select("prompt_id", group=pl.Series(nearest(repeats(contents(asked["prompt"]), near, seed=seed))))
    grouped = pairs.select("pair_id", "source", "prompt_id", "chosen", "rejected", place=PLACE).join(
        groups, on="prompt_id", how="left", validate="m:1", maintain_order="left"
    )
    origin = pl.struct("source", "prompt_id")
    shared = grouped.filter(origin.n_unique().over("group") > 1)

    said = pl.DataFrame({"text": pl.concat([shared["chosen"], shared["rejected"]]).unique(maintain_order=True)})
    said = said.with_columns(said=pl.Series(nearest(repeats(said["text"].to_list(), near, seed=seed)), dtype=pl.Int64))
    for side in ("chosen", "rejected"):
        shared = shared.join(
            said.rename({"text": side, "said": f"{side}_said"}), on=side, how="left", maintain_order="left"
        )
    same = ("group", "chosen_said", "rejected_said")
    repeated = (pl.int_range(pl.len()).over(same) > 0) & (origin != origin.first().over(same))
    detail = pl.when(repeated).then(pl.format("nearly says the same as {}", pl.col("place").first().over(same)))
    judged = shared.select("pair_id", detail=detail)
    return pairs.join(judged, on="pair_id", how="left", validate="1:1", maintain_order="left")["detail"]


def _refuse_nothing_kept(kept: pl.DataFrame, dropped: pl.DataFrame, mix: str) -> None:
    for source in sorted(set(dropped["source"]) - set(kept["source"])):
        lost = dropped.filter(pl.col("source") == source)
        rules = ", ".join(f"{rule} {rows}" for rule, rows in lost.group_by("rule").len().sort("rule").iter_rows())
        raise TableError(
            f"mix {mix}: none of the {lost.height} comparisons of {source} stays ({rules})\n"
            f"  relax that rule in `clean`, or take {source} out of the mix"
        )
