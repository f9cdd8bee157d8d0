"""A reader's choices → what the page shows: the prompts that match, the chart, and one prompt with its responses."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any

from rlhf_data.explore import chart, differences, reading
from rlhf_data.explore.choices import Choices

ROWS = 25  # prompts on a page


def view(chosen: Choices, now: reading.Version, then: reading.Version | None) -> dict[str, Any]:
    """Everything the page is drawn from; `then` is the version to compare with. Reads nothing but these two."""
    parts = now.parts
    part = next((one for one in parts if one["part"] == chosen.part), parts[0] if parts else None)
    if part is None:
        return {"parts": [], "part": None}
    limits = {**chosen.ranges(), "part": part["part"]}
    found = reading.rows(now.numbers, "prompts", **limits, order=chosen.order, rows=ROWS, skip=ROWS * (chosen.page - 1))
    prompt = chosen.prompt
    if prompt is None or not reading.rows(now.numbers, "compared", part=part["part"], prompt_id=prompt):
        prompt = found[0]["prompt_id"] if found else None
    shown = _prompt(prompt, part["part"], chosen, now, then) if prompt else None
    total = found[0]["total"] if found else 0
    return {
        "parts": parts,
        "part": part,
        "found": found,
        "total": total,
        "pages": max(-(-total // ROWS), 1),
        "prompt": shown,
        "chart": _chart(part, limits, now),
    }


def _chart(part: Mapping[str, Any], limits: Mapping[str, Any], now: reading.Version) -> dict[str, Any] | None:
    over = chart.spans(part)
    if over is None:
        return None
    sizes = {"columns": chart.COLUMNS, "lines": chart.LINES}
    counts = reading.rows(now.numbers, "bins", **limits, **over._asdict(), **sizes)
    return {
        "spans": over,
        "bins": chart.bins(counts),
        "matching": sum(row["matching"] for row in counts),
        "chars_ticks": chart.chars_ticks(over),
        "reward_ticks": chart.reward_ticks(over),
    }


def _prompt(
    prompt_id: str, part: str, chosen: Choices, now: reading.Version, then: reading.Version | None
) -> dict[str, Any]:
    """One prompt: its turns, its responses ranked, the two set against each other, and the same prompt elsewhere."""
    (pair,) = reading.rows(now.numbers, "compared", part=part, prompt_id=prompt_id)
    texts = _scored(reading.rows(now.tables, "texts", prompt_id=prompt_id), now)
    here = [text for text in texts if text["part"] == part]
    by_name = {text["answer"]: text for text in here}
    left = by_name.get(chosen.left or pair["rejected"] or here[-1]["answer"], here[-1])
    right = by_name.get(chosen.right or pair["chosen"] or here[0]["answer"], here[0])
    asked = reading.rows(now.tables, "prompt", prompt_id=prompt_id)
    elsewhere = {one["part"]: one for one in reversed(texts) if one["part"] != part}  # the best of each part stays
    return {
        "prompt_id": prompt_id,
        "turns": asked[0]["prompt"] if asked else [],
        "source": asked[0]["source"] if asked else None,
        "margin": pair["margin"],
        "penalty": now.penalties.get(part),
        "chosen": pair["chosen"],
        "rejected": pair["rejected"],
        "responses": here,
        "left": left,
        "right": right,
        "spans": differences.sides(left["response"], right["response"]),
        "elsewhere": [_against(one, right) for one in reversed(elsewhere.values())],
        "then": None if then is None else _then(prompt_id, part, here, then),
    }


def _scored(texts: list[dict[str, Any]], version: reading.Version) -> list[dict[str, Any]]:
    """Responses with their length's `price` and the `score` that ranks them, highest first; null where no pair is."""
    for text in texts:
        penalty = version.penalties.get(text["part"])
        text["price"] = None if penalty is None else penalty * text["response_chars"]
        text["score"] = None if penalty is None or text["reward"] is None else text["reward"] - text["price"]
    by_part = {part: place for place, part in enumerate(dict.fromkeys(text["part"] for text in texts))}
    # the order of equal ones, and of those without a score, stays
    return sorted(texts, key=lambda text: (by_part[text["part"]], inf if text["score"] is None else -text["score"]))


def _then(prompt_id: str, part: str, here: list[dict[str, Any]], then: reading.Version) -> list[dict[str, Any]]:
    """Each response beside the one of the same name in the other version; null where only one version has it."""
    texts = _scored(reading.rows(then.tables, "texts", prompt_id=prompt_id), then)
    theirs = {text["answer"]: text for text in texts if text["part"] == part}
    names = {text["answer"]: text for text in here} | {name: text for name, text in theirs.items()}
    ours = {text["answer"]: text for text in here}
    return [_against(theirs.get(name), ours.get(name)) for name in names]


def _against(one: dict[str, Any] | None, other: dict[str, Any] | None) -> dict[str, Any]:
    """Two responses, with the words that only one of them has."""
    spans = differences.sides(one["response"] if one else "", other["response"] if other else "")
    return {
        "one": one,
        "other": other,
        "spans": spans,
        "same": one is not None and other is not None and one["response"] == other["response"],
    }
