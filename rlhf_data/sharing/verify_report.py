"""Copies of objects as `verify.py` read them → which are damaged or missing, and the way to mend each."""

from __future__ import annotations

import polars as pl

LISTING = ".dir"
STATES = ("good", "damaged", "missing", "absent")
SHOWN = 3  # names of missing files in one line


def judged(copies: pl.DataFrame, *, has_remote: bool) -> pl.DataFrame:
    """Copies with `state`, whether one that is damaged is `truncated`, and the other places with a `good_at` copy.

    `absent` is what the cache need not hold: a table of which nothing was pulled, in a project that has a remote, but
    one that was read too and lacks it: then it is nowhere, as after a disk that was full.
    """
    intact = pl.col("found") == pl.col("object").str.strip_suffix(LISTING)
    of_object = copies.filter(intact).group_by("object").agg(good_at="place", good_bytes=pl.col("bytes").first())
    here, listing = pl.col("found").is_not_null(), pl.col("object").str.ends_with(LISTING)
    # a file may be here for another version's sake, and a list because somebody looked
    begun = (here & ~listing & ~pl.col("claimed")).any().over("place", "table", "version")
    owed = (pl.col("place") != "cache") | begun | pl.lit(not has_remote)
    remote_read = copies["place"].str.starts_with("remote ").any()
    return (
        copies.with_columns(
            state=pl.when(pl.col("found").is_not_null())
            .then(pl.when(intact).then(pl.lit("good")).otherwise(pl.lit("damaged")))
            .otherwise(pl.when(owed).then(pl.lit("missing")).otherwise(pl.lit("absent")))
        )
        .join(of_object, on="object", how="left", maintain_order="left")
        .with_columns(
            pl.col("good_at").list.unique(maintain_order=True).fill_null([]),
            state=pl.when((pl.col("state") == "absent") & pl.col("good_at").is_null() & remote_read)
            .then(pl.lit("missing"))
            .otherwise("state"),
            truncated=(pl.col("bytes") < pl.coalesce("good_bytes", "expected_bytes")).fill_null(False),
            right_bytes=pl.coalesce("good_bytes", "expected_bytes"),
        )
        .drop("good_bytes")
    )


def problems(judged: pl.DataFrame) -> pl.DataFrame:
    """Those that are damaged or missing."""
    return judged.filter(pl.col("state").is_in(["damaged", "missing"]))


def totals(judged: pl.DataFrame) -> list[str]:
    """One line per store: how many objects are in which state, each counted once."""
    counted = judged.unique(["place", "object"], maintain_order=True).group_by("place", maintain_order=True)
    counts = counted.agg(pl.len().alias("objects"), *((pl.col("state") == one).sum().alias(one) for one in STATES))
    return [
        f"{row['place']}: {row['objects']} objects: {row['good']} good, {row['damaged']} damaged, "
        f"{row['missing']} missing" + (f", {row['absent']} not pulled" if row["absent"] else "")
        for row in counts.iter_rows(named=True)
    ]


def lines(judged: pl.DataFrame) -> list[str]:
    """One line per damaged file, and one per table of which files are missing; each ends with the way out."""
    found = []
    for row in judged.filter(pl.col("state") == "damaged").iter_rows(named=True):
        what = "the list of its files is " if row["object"].endswith(LISTING) else ""
        kind = f"truncated, {row['bytes']} of {row['right_bytes']} bytes" if row["truncated"] else "damaged"
        found.append(
            f"{row['place']}: {row['file']}: {what}{kind}: object {row['object']} hashes to {row['found']}\n"
            f"  `rlhf-data verify --repair` moves it aside; then {_bring(row['place'], row['table'], row['good_at'])}"
        )
    for (place,), rows in judged.partition_by("place", as_dict=True, maintain_order=True).items():
        missing = rows.filter(pl.col("state") == "missing")
        if missing.height == rows.height:
            objects = missing["object"].n_unique()
            found.append(f"{place}: none of {objects} objects is there\n  {_bring_all(str(place))}")
            continue
        for (table,), some in missing.partition_by("table", as_dict=True, maintain_order=True).items():
            found.append(f"{place}: {table}: missing: {_names(some['file'])}\n  {_fill(str(place), str(table), some)}")
    return found


def _names(files: pl.Series) -> str:
    names = files.unique(maintain_order=True)
    more = f" and {names.len() - SHOWN} more" if names.len() > SHOWN else ""
    return ", ".join(names.head(SHOWN)) + more


def _bring_all(place: str) -> str:
    """What fills a place that holds nothing."""
    if place.startswith("remote "):
        return f"`dvc push --remote {place.removeprefix('remote ')}` sends them; `dvc remote list` says where to"
    return "`dvc commit` or `dvc repro` makes them"


def _fill(place: str, table: str, missing: pl.DataFrame) -> str:
    """What brings the missing files of a table."""
    everywhere = missing["good_at"].list.len().min() != 0
    bring = _bring(place, table, missing["good_at"][0].to_list() if everywhere else [])
    listed = not missing["object"].is_in(missing["version"].implode()).any()
    if everywhere and listed and place.startswith("remote "):
        return f"`rlhf-data verify --repair` moves the list of its files aside, which DVC goes by; then {bring}"
    return bring


def _bring(place: str, table: str, good_at: list[str]) -> str:
    """What brings a good copy to the place."""
    if place == "workspace" and "cache" in good_at:
        return f"`dvc checkout {table}` brings the cache's copy"
    if place.startswith("remote ") and "cache" in good_at:
        return f"`dvc push --remote {place.removeprefix('remote ')}` sends the cache's copy"
    if not place.startswith("remote ") and (remote := next((one for one in good_at if one.startswith("remote ")), "")):
        return f"`dvc pull --remote {remote.removeprefix('remote ')} {table}` brings the remote's copy"
    if place == "cache" and "workspace" in good_at:
        return f"`dvc commit {table}` stores the workspace's copy"
    return "no good copy was found: `dvc push` from a clone that has one, or `dvc repro` makes it again"
