"""What README, CONTRIBUTING and docs/ claim, held against reports, params, paths and dvc.yaml."""

from __future__ import annotations

import csv
import dataclasses
import json
import re
import tomllib
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from ruamel.yaml import YAML

from rlhf_data import params, schemas
from rlhf_data.params.profiles import Params
from rlhf_data.sql import layout

ROOT = Path(__file__).parent.parent
FILES = {path.stem: path for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"))}
PAGES = {name: path.read_text(encoding="utf8") for name, path in FILES.items()}
DOCS = {path.stem for path in ROOT.glob("docs/*.md")}
README, CONTRIBUTING, PIPELINE = PAGES["README"], PAGES["CONTRIBUTING"], PAGES["pipeline"]
STAGES = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]


def report(name: str) -> list[dict[str, str]]:
    with (ROOT / "reports" / name).open(encoding="utf8") as file:
        return list(csv.DictReader(file))


def figures(row: dict[str, str]) -> dict[str, float]:
    return {name: float(value) for name, value in row.items() if name not in ("policy", "judge") and value}


def figure(value: str, digits: int = 3) -> str:
    return f"{float(value):.{digits}f}" if value else "–"


def test_the_results_table_is_what_the_reports_say() -> None:
    policies = report("policies.csv")

    assert [row["policy"] for row in policies] == ["iter0", "iter1", "iter2", "iter3"]
    for row in policies:
        line = (
            "| {policy} | {gold_reward:.2f} | {gold_reward_gain:+.2f} [{gold_reward_gain_low:+.2f}, "
            "{gold_reward_gain_high:+.2f}] | {win_rate:.3f} [{win_rate_low:.3f}, {win_rate_high:.3f}] | {reward:.2f} | "
            "{response_chars:.1f} |"
        )
        assert line.format(policy=row["policy"], **figures(row)) in README


def test_the_page_in_docs_is_of_the_same_run() -> None:
    page = (ROOT / "docs/report.html").read_text(encoding="utf8")
    chosen = json.loads((ROOT / "reports/chosen.json").read_text())
    shown = {row["policy"]: figures(row) for row in report("policies.csv")}

    assert f"<h1>Online iterative RLHF: {chosen['policy']} chosen of {len(shown)} policies</h1>" in page
    for row in shown.values():
        texts = [f"{row['gold_reward']:.3f}", f"{row['gold_reward_gain']:+.3f}", f"{row['win_rate']:.1%}"]
        assert [text for text in texts if f">{text.replace('-', '−')}" not in page] == []
    assert "docs/report.png" in README


def test_the_choice_and_the_reward_model_are_what_the_reports_say() -> None:
    chosen = json.loads((ROOT / "reports/chosen.json").read_text())
    reward = json.loads((ROOT / "reports/reward.json").read_text())

    assert f"On `dev`, {chosen['policy']} is the best (gold reward {chosen['dev']:.2f})" in README
    assert f"gets {reward['accuracy']:.3f} of {reward['pairs']:,} held-out pairs right" in README
    assert f"allows at most {reward['accuracy_ceiling']:.3f}" in README


def test_the_default_rows_of_other_tables_are_the_same_run() -> None:
    policies = {row["policy"]: figures(row) for row in report("policies.csv")}
    chosen = json.loads((ROOT / "reports/chosen.json").read_text())
    reward = json.loads((ROOT / "reports/reward.json").read_text())

    chars = " | ".join(f"{row['response_chars']:.1f}" for row in policies.values())
    gold = " | ".join(f"{policies[name]['gold_reward']:.2f}" for name in ("iter1", "iter2", "iter3"))
    assert f"| {params.load_profile('tiny').pair.length_penalty} (default) | {chars} | {gold} |" in PAGES["quickstart"]
    gain = "{gold_reward_gain:+.2f} [{gold_reward_gain_low:+.2f}, {gold_reward_gain_high:+.2f}]"
    win = "{win_rate:.3f} [{win_rate_low:.3f}, {win_rate_high:.3f}]"
    best = policies[chosen["policy"]]
    assert (
        f"| 0 | {reward['accuracy']:.3f} / {reward['accuracy_ceiling']:.3f} | {gain.format(**policies['iter1'])} | "
        f"{chosen['policy']} | {gain.format(**best)} | {win.format(**best)} |"
    ) in PAGES["evaluation"]


def test_the_table_of_judges_is_what_the_report_says() -> None:
    rows = [row for row in report("reward_tests.csv") if row["subset"] == ""]

    assert {"reward", "preference", "prompted", "longer wins"} <= {row["judge"] for row in rows}
    for row in rows:
        low, high, agree, longer = (
            figure(row[name]) for name in ("accuracy_low", "accuracy_high", "consistency", "prefers_longer")
        )
        assert f"| {row['judge']} | {figure(row['accuracy'])} [{low}, {high}] | {agree} | {longer} |" in PAGES["judges"]


def test_the_table_of_reward_hacking_is_what_the_report_says() -> None:
    rows = report("hacking.csv")

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
    tree = CONTRIBUTING.partition("## Where is what")[2].partition("Layers")[0]
    rooms = {path.name for path in (ROOT / "rlhf_data").iterdir() if path.is_dir() and path.name[0] != "_"}
    modules = {path.stem for path in (ROOT / "rlhf_data").glob("*.py")} - {"__init__"}
    top = tree.partition("rlhf_data/\n")[2].splitlines()[0].split("   ")[0].split()

    assert {name for name in profiles if f"`{name}`" not in PAGES["quickstart"]} == set()
    assert set(re.findall(r"^  (\w+)/ ", tree, flags=re.MULTILINE)) == rooms
    assert set(top) == modules
    assert params.load_profile("tiny").prompts.test == 600


def test_layers_are_those_that_import_linter_holds() -> None:
    (contract,) = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    held = [{room.split(".")[-1] for room in layer.split(" | ")} for layer in reversed(contract["layers"])]
    (said,) = re.findall(r"`pyproject\.toml`\):\s(.+?)\.\n\n", CONTRIBUTING, flags=re.DOTALL)

    assert [set(re.split(r",\s+", layer.strip())) for layer in said.split("→")] == held


def written(name: str) -> list[str]:
    """The paths that a stage makes; a bare clone holds those alone that Git tracks."""
    stage = STAGES[name].get("do", STAGES[name])
    kinds = (entry for kind in ("outs", "metrics", "plots") for entry in stage.get(kind, []))
    return [next(iter(one)) if isinstance(one, dict) else one for one in kinds]


@pytest.mark.parametrize("name", STAGES)
def test_every_stage_is_in_the_pipeline_with_what_it_writes(name: str) -> None:
    rows = PIPELINE.partition("## Tables")[0]
    (row,) = re.findall(rf"^\| `{name}(?:@[tpj-]+)?` .*$", rows, flags=re.MULTILINE)

    training = "reports/train/"  # curves of every training
    wanted = [re.sub(r"\$\{[^}]+\}", "<>", path) for path in written(name) if not path.startswith(training)]
    said = re.sub(r"<\w+>", "<>", row)
    # a folder is named by its files too: `data/lengths` by `data/lengths/<source>.parquet`
    assert [path for path in wanted if f"`{path}" not in said and not path.endswith(".svg")] == []


def test_every_table_is_in_the_pipeline_with_its_files_and_key() -> None:
    found = re.findall(r"^\| `(\w+)` \| `([^`]+)` \| (.+) \| (.+) \|$", PIPELINE, flags=re.MULTILINE)

    assert [one[:3] for one in found] == [(name, one.path, one.about) for name, one in layout.TABLES.items()]
    for name, *_, key in found:
        assert re.findall(r"`(\w+)`", key) == getattr(schemas, layout.TABLES[name].schema).primary_key(), name


def test_stages_that_pages_name_are_there() -> None:
    named = re.findall(r"`((?:report|train|benchmark|evaluate|judge|combine|offline)_\w+)`", "".join(PAGES.values()))
    sections = {field.name for field in dataclasses.fields(Params)}
    layouts = {path.stem for path in ROOT.glob("rlhf_data/sources/formats/*.py")}

    assert set(named) - set(STAGES) - sections - layouts - set(layout.NAMES) == set()


def known(kind: Any, path: list[str]) -> bool:
    """Whether a parameter is a field of this type, or of one that it may be."""
    if not path:
        return True
    if get_origin(kind) is dict:  # by name, as judges are
        return known(get_args(kind)[1], path[1:])
    if dataclasses.is_dataclass(kind):
        return path[0] in (hints := get_type_hints(kind)) and known(hints[path[0]], path[1:])
    return any(known(one, path) for one in get_args(kind))


def test_parameters_that_pages_name_are_there() -> None:
    sections = {field.name for field in dataclasses.fields(Params)} - {"seed", "held_out"}
    dotted = {
        text
        for page in PAGES.values()
        for text in re.findall(r"`([a-z_]\w*(?:\.(?:<\w+>|\w+))+)(?=[`:])", page)
        if text.split(".")[0] in sections and not text.endswith((".yaml", ".py", ".sql"))
    }

    assert len(dotted) > 25
    assert {text for text in dotted if not known(Params, text.split("."))} == set()


def test_files_that_pages_name_are_there() -> None:
    folders = ("rlhf_data", "stages", "tests", "params", "requirements", "benchmarks", "docs", r"\.ci")
    rooms = [path.name for path in (ROOT / "rlhf_data").iterdir() if path.is_dir() and path.name[0] != "_"]
    named = {
        re.sub(r"<\w+>|\{[\w,]+\}", "*", name).rstrip("/")
        for page in PAGES.values()
        for name in re.findall(rf"`((?:{'|'.join([*folders, *rooms])})/[^\s`]*)`", page)
    }

    made = tuple(path for stage in STAGES for path in written(stage))
    there = {name for name in named if any(list(top.glob(name)) for top in (ROOT, ROOT / "rlhf_data"))}
    assert len(named) > 25
    assert {name for name in named - there if not name.startswith(made)} == set()


def test_sizes_that_contributing_names_are_about_right() -> None:
    sizes = re.findall(r"(\d+)(?: lines)? \(`(\w+\.(?:py|sql|jsonl))`", CONTRIBUTING)
    files = [path for room in ("rlhf_data", "stages", "tests") for path in (ROOT / room).rglob("*.*")]

    assert len(sizes) >= 12
    for size, name in sizes:
        counted = [path.read_text(encoding="utf8").count("\n") for path in files if path.name == name]
        assert any(abs(int(size) - lines) <= 3 + 0.1 * lines for lines in counted), f"{name}: {size}, now {counted}"


def test_the_readme_says_first_what_it_is_whether_it_fits_and_what_it_costs() -> None:
    first = "\n".join(README.splitlines()[:40])

    for what in ("Online iterative RLHF", "make run", "make test", "It fits", "It does not fit", "It costs", "minutes"):
        assert what in first
    (graph,) = re.findall(r"```mermaid\n(.*?)```", README, flags=re.DOTALL)
    assert len(set(re.findall(r"\b(\w+)(?:\[\(|\[\")", graph))) == 10


def test_pages_are_short_and_linked_from_the_readme() -> None:
    assert README.count("\n") <= 130
    assert {name for name in DOCS if PAGES[name].count("\n") > 150} == set()
    assert set(re.findall(r"\]\(docs/(\w[\w-]*)\.md\)", README)) == DOCS


def anchors(page: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    heads = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", page, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("name", FILES)
def test_links_lead_somewhere(name: str) -> None:
    prose = re.sub(r"^```.*?^```$", "", PAGES[name], flags=re.MULTILINE | re.DOTALL)
    for link in re.findall(r"\]\(([^)]+)\)", prose):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (FILES[name].parent / path).resolve() if path else FILES[name]
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text(encoding="utf8")), link
