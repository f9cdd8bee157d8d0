"""Figures and responses given literally → the page: what it says, and that nothing a model wrote can run in it."""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rlhf_data.evaluation import selection
from rlhf_data.reports import charts, length_charts
from rlhf_data.reports.page import Run, data_uri, render
from rlhf_data.storage.provenance import Made

SCRIPT = "<script>window.hacked=1</script><script>document.title='hacked'</script>"
IMAGE = """<img src=x onerror="document.title='hacked'"><img src=x onerror=window.hacked=1>"""
RESPONSE = f"  Two spaces,\n\na blank line &amp; {SCRIPT}"
RULE = f'"><svg onload=alert(1)>{SCRIPT}'


JUDGED = pl.DataFrame(
    [
        {"judge": judge, "test": "held_out", "category": of, "subset": of, "pairs": 100, "accuracy": accuracy,
         "accuracy_low": accuracy - 0.0625, "accuracy_high": accuracy + 0.0625, "consistency": None, "ties": 0,
         "no_verdict": 0, "prefers_longer": 0.625, "prefers_first": None}
        for judge, accuracy in {"reward": 0.75, "longer wins": 0.5}.items() for of in (None, "zoo")
    ],
    schema_overrides={"consistency": pl.Float64, "prefers_first": pl.Float64},
)  # fmt: skip


class Parsed(HTMLParser):
    """A page's elements, with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def figure(gold: float | None, *, gain: float | None) -> dict[str, Any]:
    test = {
        "prompts": 1200,
        "judge": "reward" if gold is None else "gold_reward",
        "reward": -1.5,
        "gold_reward": gold,
        "gold_reward_gain": gain,
        "gold_reward_gain_low": None if gain is None else gain - 0.125,
        "gold_reward_gain_high": None if gain is None else gain + 0.125,
        "win_rate": 0.75,
        "win_rate_low": 0.7,
        "win_rate_high": 0.8,
        "response_chars": 41.76,
        "length_correlation": None,
        "truncated": 0.0,
    }
    return {**test, "dev": test}


def bias(mean: float | None) -> dict[str, Any]:
    shares = {"longest_wins": mean, "longest_by_chance": mean, "balancing_penalty": mean}
    ends = {"length_correlation_low": mean, "length_correlation_high": mean}
    return {"prompts": 4, "undefined_prompts": 4 if mean is None else 0, "length_correlation": mean, **ends, **shares}


def sweep(chars: list[float | None]) -> pl.DataFrame:
    columns = {"chosen_chars": chars, "rejected_chars": chars, "margin": chars, "changed": chars}
    return pl.DataFrame({"length_penalty": [0.0, 0.01], "pairs": [0, 3], **columns})


def hacking(gold: list[float | None]) -> pl.DataFrame:
    shares = ["distinct_1", "distinct_2", "repetition", "truncated", "refused"]
    preference = {"preference": [0.5, 0.625], "preference_low": [0.5, 0.6], "preference_high": [0.5, 0.65]}
    drifted = {"kl": [0.0, 1.5], "kl_low": [0.0, 1.25], "kl_high": [0.0, 1.75]}
    rows = {"policy": ["iter0", "iter1"], "reward": [1.0, 2.0], "gold_reward": gold, "response_chars": [9.0, 8.0]}
    return pl.DataFrame({**rows, **preference, **drifted, **{name: [0.125, None] for name in shares}})


def page(**changes: Any) -> str:
    figures = changes.pop("figures", {"iter0": figure(0.25, gain=0.0), "iter1": figure(0.5, gain=0.25)})
    rates = {"prompts": [4], "responses": [8], "reward": [1.0], "response_chars": [9.5], "truncated": [0.5]}
    paired = {"pairs": [0], "chosen_chars": [None], "rejected_chars": [None], "margin": [None]}
    example = {
        "prompt_id": "a",
        "prompt": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": IMAGE}],
        "chosen": RESPONSE,
        "rejected": IMAGE,
        "chosen_chars": 5,
        "rejected_chars": 6000,
        "chosen_reward": 1.5,
        "rejected_reward": -0.25,
        "margin": 1.75,
    }
    answer = {
        "prompt": [{"role": "user", "content": "Name a fish."}], "base_response": IMAGE, "base_reward": 0.5,
        "base_gold_reward": 0.25, "base_response_chars": 7, "response": "A carp.", "reward": 0.75, "gold_reward": None,
        "response_chars": 7,
    }  # fmt: skip
    values = {
        "profile": "tiny",
        "made": Made("2026-01-02 03:04 UTC", "0123456789", "a machine, 2 cores", "18 min"),
        "scored_by": "reward",
        "second_judge": "preference",
        "samples": 8,
        "chosen": selection.chosen(figures, changes.pop("select_by", "gold_reward")),
        "policies": selection.policies(figures),
        "training": {"iter0": pl.DataFrame({"step": [1, 2], "loss": [1.0, None], "margin": [None, None]})},
        "reward": {"accuracy": 0.73125, "accuracy_ceiling": 0.85, "pairs": 4000},
        "judges": JUDGED,
        "iterations": pl.DataFrame({"iteration": [1], **rates, **paired}),
        "length_bias": {"iter1": {"<b>judge</b>": bias(None), "reward": bias(0.25)}},
        "length_maps": {"iter1": "<svg></svg>"},
        "length_penalties": {"iter1": sweep([None, 40.0])},
        "length_penalty": 0.01,
        "hacking": hacking(gold=[0.25, 0.5]),
        "cleaning": pl.DataFrame({"source": ["zoo", "zoo"], "rule": ["kept", RULE], "rows": [12345, 1]}),
        "answers": pl.DataFrame([answer]),
        "examples": pl.DataFrame([example]),
    }
    return render(Run(**{**values, **changes}))


def dom(path: Path, profile: Path) -> str:
    """The page's document after everything in it that can run has run, in a real browser."""
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("chromium is not on the PATH")
    quiet = ["--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    headless = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", *quiet, f"--user-data-dir={profile}"]
    command = [browser, *headless, "--virtual-time-budget=2000", "--dump-dom", path.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


def test_what_a_model_wrote_is_text() -> None:
    text = page()
    parsed = Parsed(text)

    assert "<script" not in text.lower()
    assert "&lt;script&gt;window.hacked=1&lt;/script&gt;" in text
    assert not [name for _, attributes in parsed.elements for name in attributes if name.startswith("on")]
    assert {tag for tag, _ in parsed.elements}.isdisjoint({"script", "svg", "iframe", "object", "embed", "base"})
    assert RESPONSE in parsed.text  # whole, with its white space
    assert parsed.text.count(IMAGE) == 3
    assert RULE in parsed.text


def test_the_page_loads_nothing() -> None:
    elements = Parsed(page()).elements
    policies = [attributes["content"] for tag, attributes in elements if "http-equiv" in attributes]

    assert policies == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]
    sources = [attributes["src"] or "" for tag, attributes in elements if "src" in attributes]
    assert sources
    assert all(source.startswith("data:image/svg+xml;base64,") for source in sources)
    assert all(attributes.get("alt") for tag, attributes in elements if tag == "img")
    assert all(str(attributes["href"]).startswith("#") for tag, attributes in elements if "href" in attributes)


def test_nothing_runs_in_a_browser(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(page(), encoding="utf8")
    (tmp_path / "control.html").write_text(f"<title>safe</title>{SCRIPT}", encoding="utf8")

    control = dom(tmp_path / "control.html", tmp_path / "control")
    shown = dom(tmp_path / "page.html", tmp_path / "profile")

    assert "<title>hacked</title>" in control  # the browser would have run it
    parsed = Parsed(shown)
    assert "<title>Online iterative RLHF" in shown
    assert "hacked</title>" not in shown
    assert "script" not in {tag for tag, _ in parsed.elements}
    assert not [name for _, attributes in parsed.elements for name in attributes if name.startswith("on")]
    assert RESPONSE in parsed.text


def test_figures_bear_sensible_digits() -> None:
    text = " ".join(Parsed(page()).text.split())

    assert "iter1 has the highest mean gold reward on the dev prompts (0.500)" in text
    assert "gold reward 0.500 against 0.250: +0.250 (95% interval +0.125 to +0.375)" in text
    assert "wins 75.0% of the prompts by gold reward, ties half (95% interval 70.0% to 80.0%)" in text
    assert "On 1,200 test prompts" in text
    assert "reward −0.250 · 6,000 characters" in text
    assert "accuracy 73.1% on 4,000 held-out pairs. Noise in the labels allows at most 85.0%" in text


def test_answers_to_the_same_prompts_come_first() -> None:
    html = page()
    assert html.index('id="answers"') < html.index('id="policies"')
    assert "reward 0.500 · gold reward 0.250 · 7 characters" in html
    assert "reward 0.750 · 7 characters" in html
    for name in re.findall(r'href="#(\w+)"', html):
        assert f'id="{name}"' in html, name


def test_a_reward_that_trains_and_chooses_is_said() -> None:
    one = figure(0.5, gain=0.25)
    better = {**one, "reward": 1.0, "win_rate_low": 0.4, "dev": {**one["dev"], "reward": 1.0}}
    html = page(figures={"iter0": figure(0.25, gain=0.0), "iter1": better}, select_by="reward")
    assert "The reward that chose is the one that policies are trained on" in html
    assert "it cannot be told from π₀: the interval holds 50%, while its KL to π₀ is 1.500 nats an answer" in html
    for said in ("The reward that chose is", "it cannot be told from π₀"):
        assert said not in page()


def test_columns_without_a_value_are_left_out() -> None:
    figures = {
        name: {**figure(0.25, gain=0.0), "gold_reward": None, "gold_reward_gain": None} for name in ("iter0", "iter1")
    }
    html = page(figures=figures, hacking=hacking(gold=[None, None]), select_by="reward")
    assert "Gold reward</th>" not in html
    assert "Reward-model reward</th>" in html


def test_what_is_unknown_is_a_dash() -> None:
    figures = {"iter0": figure(None, gain=None), "iter1": figure(None, gain=None)}
    unknown = {"accuracy": 0.5, "accuracy_ceiling": None, "pairs": 4}
    text = " ".join(Parsed(page(figures=figures, select_by="reward", reward=unknown)).text.split())

    assert "iter0 has the highest mean reward on the dev prompts (−1.500). No iteration did better" in text
    assert "unknown (–)" in text
    assert "None" not in text
    assert "nan" not in text


def test_judges_and_policies_are_held_against_length_and_hacking() -> None:
    text = " ".join(Parsed(page()).text.split())

    assert "iter1<b>judge</b>44––––" in text
    assert "iter1reward400.250 0.250 to 0.25025.0%25.0%0.25000" in text
    assert "iter11.500 1.250 to 1.7502.0000.50062.5% 60.0% to 65.0%–––8.0––" in text
    assert "held against the gold reward and a second judge" in text
    unknown = " ".join(Parsed(page(hacking=hacking(gold=[None, None]))).text.split())
    assert "held against a second judge" in unknown


def test_a_penalty_that_makes_no_pair_is_not_drawn() -> None:
    drawn = length_charts.penalties({"iter1": sweep([None, 40.0]), "iter2": sweep([None, None])}, 0.01)

    assert "iter1 λ 0.01 chosen 40 and rejected 40, λ 0.01 chosen 40" in drawn.alt
    assert "iter2 no penalty makes a pair. The one in use is 0.01." in drawn.alt
    assert [one.title for one in charts.hacking(hacking(gold=[None, None]))] == [
        "KL to π₀, nats per answer", "Reward (the proxy)", "Second judge: P(better than π₀'s)"
    ]  # fmt: skip


def test_an_unknown_figure_is_not_drawn() -> None:
    figures = {"iter0": figure(0.25, gain=0.0), "iter1": figure(None, gain=None), "iter2": figure(1.0, gain=0.75)}
    gain = charts.policies(selection.policies(figures))[0]

    assert gain.alt == "Gold reward gain over π₀: iter0 0, iter2 0.75."
    assert gain.svg.count('aria-roledescription="point"') == 2
    assert "iter1" in gain.svg  # its place on the axis stays

    none = {"iter0": figure(None, gain=None)}
    assert "gold" not in {drawn.title.split()[0].lower() for drawn in charts.policies(selection.policies(none))}


def test_a_training_that_logged_nothing_draws_nothing() -> None:
    empty = pl.DataFrame({"step": [], "loss": []})
    assert charts.training({"iter0": empty}, {"SFT": ["iter0"], "DPO": ["iter1"]}) == {}


def test_trainings_of_a_group_share_a_chart_for_each_measure() -> None:
    curves = {
        name: pl.DataFrame({"step": [1, 2], "loss": [1.0, last], "margin": [None, last], "accuracy": [None, None]})
        for name, last in {"iter1": 0.5, "iter2": 0.25}.items()
    }
    (found,) = charts.training(curves, {"DPO": ["iter1", "iter2", "iter3"]}).values()
    assert [(one.title, one.alt) for one in found] == [
        ("Loss", "Loss: iter1 0.5, iter2 0.25 at the last step."),
        ("Margin", "Margin: iter1 0.5, iter2 0.25 at the last step."),
    ]
    assert found[0].svg.count('aria-roledescription="line mark"') == 2


@pytest.mark.parametrize("name", ["policies", "hacking", "training", "penalties"])
def test_every_text_of_a_chart_has_twelve_pixels(name: str) -> None:
    curve = pl.DataFrame({"step": [1, 2], "loss": [1.0, 2.0]})
    draw: dict[str, Callable[[], list[charts.Figure]]] = {
        "policies": lambda: charts.policies(selection.policies({"iter0": figure(0.25, gain=0.0)})),
        "hacking": lambda: charts.hacking(hacking(gold=[0.25, 0.5])),
        "training": lambda: charts.training({"a": curve, "b": curve}, {"x": ["a", "b"]})["x"],
        "penalties": lambda: [length_charts.penalties({"iter1": sweep([None, 40.0])}, 0.01)],
    }
    drawn = draw[name]()
    sizes = {size for one in drawn for size in re.findall(r'font-size="?:? ?([\d.]+)px', one.svg)}
    assert sizes == {"12"}


def test_where_a_page_comes_from_is_said() -> None:
    text = " ".join(Parsed(page()).text.split())
    assert "rewards by reward, second judge preference" in text
    assert "Made 2026-01-02 03:04 UTC from commit 0123456789 on a machine, 2 cores; its stages ran for 18 min" in text
    assert "rewardheld_out10075.0% 68.8% to 81.2%62.5%0 longer wins" in text


def test_charts_follow_the_colour_scheme() -> None:
    drawn = charts.policies(selection.policies({"iter0": figure(0.25, gain=0.0)}))

    assert all("prefers-color-scheme: dark" in one.svg and one.svg.startswith("<svg") for one in drawn)
    uri = data_uri(drawn[0].svg)
    assert base64.b64decode(uri.partition(",")[2]).decode() == drawn[0].svg
