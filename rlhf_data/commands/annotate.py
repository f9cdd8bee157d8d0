"""`rlhf-data annotate`: simulated annotators label pairs of π₀'s own answers, as people would before a training."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import polars as pl

from rlhf_data import environment, params
from rlhf_data.commands.projects import Project
from rlhf_data.errors import ParamsError
from rlhf_data.generation.open import open_generator, refuse_long
from rlhf_data.hashing import conversation_id
from rlhf_data.loop import responses
from rlhf_data.params import Params
from rlhf_data.params.loop import AnnotateParams
from rlhf_data.params.sources import RecordSource
from rlhf_data.params.training import LlamaSize
from rlhf_data.requests import labels, records
from rlhf_data.schemas import Generations
from rlhf_data.storage import fingerprints, journal, tables
from rlhf_data.storage.atomic import atomically

SEED = "annotate"  # beside the profile's, so that its requests are others than those of its sources


def main(project: Project) -> None:
    """Write the comparisons that the profile's section `annotate` names: π₀'s answers, labelled by their gold reward.

    Answers that are there already are not drawn again. `dvc repro` reads the file as any source.
    """
    os.chdir(project)
    environment.quieten()
    profile = params.load()
    if (section := profile.annotate) is None:
        raise ParamsError("the profile has no section annotate\n  params/smollm2.yaml has one")
    policy, out = _policy(profile), _out(profile, section)
    asked = _requests(section, profile.seed)
    answered = _answered(profile, section.samples, policy, asked, out.with_name("responses.parquet"))
    found = list(_labelled(section, profile.seed, asked, answered))
    text = "".join(f"{json.dumps(one)}\n" for one in found)
    moved = out.exists() and out.read_text() != text
    atomically(out, lambda partial: partial.write_text(text))
    print(f"{out}: {len(found)} comparisons of {answered.height} answers to {asked.height} requests")
    if moved:
        print("  they are others than before: `dvc repro --force --single-item ingest` reads them")


def _policy(profile: Params) -> Path:
    if isinstance(profile.train_sft.base, LlamaSize) or profile.train_sft.epochs:
        raise ParamsError("annotate: needs a π₀ that is there: train_sft.base, a folder, with train_sft.epochs: 0")
    return Path(profile.train_sft.base)


def _out(profile: Params, section: AnnotateParams) -> Path:
    source = profile.ingest.sources.get(section.source)
    if not isinstance(source, RecordSource) or source.path is None or source.format != "labelled":
        raise ParamsError("annotate.source: names no source of format labelled with a path, to write the labels to")
    return Path(profile.ingest.root) / source.path


def _requests(section: AnnotateParams, seed: int) -> pl.DataFrame:
    """Requests, with their ids and references."""
    found = list(records.prompts(section.requests, "trained", f"{SEED} {seed}"))
    return pl.DataFrame(
        {
            "prompt_id": [conversation_id(one["prompt"]) for one in found],
            "prompt": [one["prompt"] for one in found],
            "reference": [json.dumps(one["reference"]) for one in found],
        }
    )


def _answered(profile: Params, samples: int, policy: Path, asked: pl.DataFrame, out: Path) -> pl.DataFrame:
    """π₀'s answers to the requests, each as `generate` would draw it; those that an interrupted run left are kept."""
    section, job = profile.generate, fingerprints.generation(policy, profile.generate)
    wanted = responses.wanted(asked, samples=samples, temperatures=section.temperatures, seed=profile.seed, job=job)
    on, values = responses.ASKED, responses.ANSWERED
    with journal.opened(out, Generations, job=job, on=on, values=values, fresh=False) as rows:
        if out.exists():
            rows.reuse(out)
        if not (missing := rows.missing(wanted)).is_empty():
            refuse_long(policy, section, asked["prompt"].to_list())
            engine = open_generator(policy, section)
            rows.keep(responses.answer(engine, missing, asked, part=section.part_prompts))
        answered = responses.generations(rows.fill(wanted), iteration=0)
        tables.write(answered.select(Generations.column_names()), out, Generations)
    return answered


def _labelled(
    section: AnnotateParams, seed: int, asked: pl.DataFrame, answered: pl.DataFrame
) -> Iterator[dict[str, Any]]:
    by_prompt = answered.partition_by("prompt_id", as_dict=True)
    for prompt_id, prompt, reference in asked.select("prompt_id", "prompt", "reference").iter_rows():
        said = by_prompt[(prompt_id,)].sort("sample").select("response", "finish_reason").iter_rows()
        answers = [labels.Answer(response, reason == "stop") for response, reason in said]
        rng = Random(f"{SEED} {seed} {prompt_id}")
        yield from labels.labelled(prompt, reference, answers, sharpness=section.sharpness, rng=rng)
