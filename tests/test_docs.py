from __future__ import annotations

import csv
import dataclasses
import json
import re
from pathlib import Path

from rlhf_data import params
from rlhf_data.params.profiles import Params

ROOT = Path(__file__).parent.parent
PAGES = {path.stem: path.read_text(encoding="utf8") for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"))}
README = PAGES["README"]


def test_the_results_table_is_what_the_reports_say() -> None:
    with (ROOT / "reports/policies.csv").open(encoding="utf8") as file:
        policies = list(csv.DictReader(file))

    assert [row["policy"] for row in policies] == ["iter0", "iter1", "iter2", "iter3"]
    for row in policies:
        figures = {name: float(value) for name, value in row.items() if name not in ("policy", "judge") and value}
        line = (
            "| {policy} | {gold_reward:.2f} | {gold_reward_gain:+.2f} [{gold_reward_gain_low:+.2f}, "
            "{gold_reward_gain_high:+.2f}] | {win_rate:.3f} [{win_rate_low:.3f}, {win_rate_high:.3f}] | {reward:.2f} | "
            "{response_chars:.1f} |"
        )
        assert line.format(policy=row["policy"], **figures) in README


def test_the_choice_and_the_reward_model_are_what_the_reports_say() -> None:
    chosen = json.loads((ROOT / "reports/chosen.json").read_text())
    reward = json.loads((ROOT / "reports/reward.json").read_text())

    assert f"On `dev`, {chosen['policy']} is the best" in README
    assert f"gets {reward['accuracy']:.3f} of {reward['pairs']:,} held-out pairs right" in README
    assert f"allows at most {reward['accuracy_ceiling']:.3f}" in README


def figure(value: str, digits: int = 3) -> str:
    return f"{float(value):.{digits}f}" if value else "–"


def test_the_table_of_judges_is_what_the_report_says() -> None:
    with (ROOT / "reports/reward_tests.csv").open(encoding="utf8") as file:
        rows = [row for row in csv.DictReader(file) if row["subset"] == ""]

    assert {"reward", "preference", "prompted", "longer wins"} <= {row["judge"] for row in rows}
    for row in rows:
        low, high, agree, longer = (
            figure(row[name]) for name in ("accuracy_low", "accuracy_high", "consistency", "prefers_longer")
        )
        assert f"| {row['judge']} | {figure(row['accuracy'])} [{low}, {high}] | {agree} | {longer} |" in PAGES["judges"]


def test_the_table_of_reward_hacking_is_what_the_report_says() -> None:
    with (ROOT / "reports/hacking.csv").open(encoding="utf8") as file:
        rows = list(csv.DictReader(file))

    assert [row["policy"] for row in rows] == ["iter0", "iter1", "iter2", "iter3"]
    for row in rows:
        second = [figure(row[name]) for name in ("preference", "preference_low", "preference_high")]
        rewards = f"{figure(row['reward'], 2)} | {figure(row['gold_reward'], 2)}"
        text = f"{figure(row['kl'], 2)} | {figure(row['response_chars'], 1)} | {figure(row['refused'])}"
        assert (
            f"| {row['policy']} | {rewards} | {second[0]} [{second[1]}, {second[2]}] | {text} |" in PAGES["evaluation"]
        )


def test_every_profile_and_every_room_is_named() -> None:
    profiles = {path.stem for path in (ROOT / "params").glob("*.yaml")}
    rooms = {path.stem for path in (ROOT / "rlhf_data").iterdir() if path.name[0] != "_"}

    assert {name for name in profiles if f"`{name}`" not in PAGES["quickstart"]} == set()
    assert {name for name in rooms if name not in PAGES["CONTRIBUTING"].partition("## Conventions")[0]} == set()
    assert params.load_profile("tiny").prompts.test == 600


def test_stages_that_pages_name_are_there() -> None:
    stages = {path.stem for path in (ROOT / "stages").glob("*.py")}
    named = set(
        re.findall(r"`((?:report|train|benchmark|evaluate|judge|combine|offline)_\w+)`", "".join(PAGES.values()))
    )
    sections = {field.name for field in dataclasses.fields(Params)}

    assert named - stages - sections == set()
    assert len(named & stages) > 10


def test_pages_are_short_and_their_links_lead_somewhere() -> None:
    docs = {path.stem for path in ROOT.glob("docs/*.md")}

    assert README.count("\n") <= 130
    assert {name for name in docs if PAGES[name].count("\n") > 150} == set()
    linked = set()
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")):
        for target in re.findall(r"\]\(([^)#:]+\.md)[^)]*\)", path.read_text(encoding="utf8")):
            assert (path.parent / target).exists(), f"{path.name}: {target}"
            linked.add(Path(target).stem)
    assert docs <= linked
