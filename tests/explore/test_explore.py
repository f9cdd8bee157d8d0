"""`rlhf-data explore` in a real browser: reading, choosing, comparing, asking; and a response is only ever text."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import chromium
import polars as pl
import pytest
import small_project
from small_project import PROMPTS

from rlhf_data import hashing
from rlhf_data.errors import ParamsError
from rlhf_data.explore import chart, choices, differences
from rlhf_data.schemas import Evaluations, Generations, Pairs, Rewards
from rlhf_data.storage import tables

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

needs_chromium = pytest.mark.skipif(chromium.PATH is None, reason=chromium.ABSENT)
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(small_project.ROOT), "OMP_NUM_THREADS": "1"}
ATTACKS = [
    "<script>window.pwned = 1</script>",
    "<img src=x onerror=\"window.pwned = 2\"> and <svg onload='window.pwned = 3'>",
    "</textarea></template></title><iframe srcdoc='<script>parent.pwned = 4</script>'></iframe>",
    '" onmouseover="window.pwned = 5" x="',
    "[a link](javascript:window.pwned=6) $\\href{javascript:window.pwned=7}{x}$ text/html:<b>bold</b> {{ 7 * 7 }}",
    "https://example.org/picture.png",
]
ATTACKED = PROMPTS[0]["prompt_id"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two iterations and two policies; the second iteration asks a prompt of the first again: attacks."""
    folder = tmp_path_factory.mktemp("explore")
    made = small_project.make(folder / "project", remote=folder / "remote")
    data = made / "data"
    first = pl.read_parquet(data / "generations/iter1/*.parquet").with_columns(
        response=pl.when(pl.col("prompt_id") == ATTACKED).then(pl.lit("Another text.")).otherwise(pl.col("response"))
    )
    first = first.with_columns(response_chars=pl.col("response").str.len_chars())
    shutil.rmtree(data / "generations/iter1")
    tables.write_parts([("part-0", first)], data / "generations/iter1", Generations)

    rows = [{"prompt_id": ATTACKED, "sample": sample, "response": text} for sample, text in enumerate(ATTACKS)]
    same = {"iteration": 2, "response_tokens": 9, "finish_reason": "stop", "temperature": 1.0, "job": "ab", "seed": 0}
    second = pl.DataFrame(rows).with_columns(
        response_chars=pl.col("response").str.len_chars(), **{name: pl.lit(value) for name, value in same.items()}
    )
    tables.write_parts([("part-0", second)], data / "generations/iter2", Generations)
    rewards = second.select("prompt_id", "sample", "iteration", "job", reward=pl.col("sample"), judge=pl.lit("reward"),
                            response_id=pl.Series([hashing.content_id(text) for text in ATTACKS]))  # fmt: skip
    tables.write(rewards, data / "rewards/iter2.parquet", Rewards)
    pair = pl.read_parquet(data / "pairs/iter1.parquet").filter(pl.col("prompt_id") == ATTACKED)
    attack = pair.with_columns(iteration=2, chosen=pl.lit(ATTACKS[1]), rejected=pl.lit(ATTACKS[0]),
                               chosen_sample=1, rejected_sample=0)  # fmt: skip
    tables.write(attack, data / "pairs/iter2.parquet", Pairs)
    for policy, said in (("iter0", "I do not know."), ("iter1", "I am sure.")):
        answers = first.head(4).unique("prompt_id").select("prompt_id", "finish_reason", "temperature", "seed", "job",
            response=pl.lit(said), response_chars=len(said), response_tokens=4, split=pl.lit("test"),
            reward=pl.lit(float(policy[-1])), gold_reward=pl.lit(0.5))  # fmt: skip
        tables.write(answers, data / f"evaluations/{policy}.parquet", Evaluations)
    return made


@pytest.fixture(scope="module")
def server(project: Path) -> Iterator[str]:
    """The running command's address, as it printed it."""
    code = "from rlhf_data.commands import main; main()"
    command = [sys.executable, "-c", code, "explore", "--project", str(project)]
    with subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line.strip())
            if said[-1].startswith("http://"):
                break
        assert "".join(said[-1:]).startswith("http://"), said
        yield said[-1]
        process.terminate()


def test_a_kept_address_is_the_same_at_the_next_start(project: Path) -> None:
    code = "from rlhf_data.commands import main; main()"
    command = [sys.executable, "-c", code, "explore", "--keep", "--project", str(project)]
    addresses = []
    for _ in range(2):
        with subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            addresses.append(next(line.strip() for line in process.stdout if "http://" in line))
            with urllib.request.urlopen(addresses[0]) as answer:
                assert answer.status == 200
            process.terminate()
    assert addresses[0] == addresses[1]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install playwright")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=chromium.PATH, args=[*chromium.FLAGS, chromium.NO_NETWORK])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, server: str) -> Iterator[Page]:
    """A page that has been let in; at the end, that no script of a response ran and nothing else was loaded."""
    context = browser.new_context(base_url=server, viewport={"width": 1280, "height": 900})
    context.set_default_timeout(20_000)
    page = context.new_page()
    asked: list[str] = []
    refused: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: refused.append(dialog.message))
    page.on("console", lambda message: refused.append(message.text) if "Content Security" in message.text else None)
    page.goto(server)
    yield page
    assert page.evaluate("window.pwned") is None
    assert [url for url in asked if not url.startswith(server)] == []
    assert refused == []  # where text became markup, the page's policy would have had something to refuse
    context.close()


def total(page: Page) -> str:
    return page.locator("#total").inner_text()


def answer(address: str, **headers: str) -> tuple[int, str]:
    """Status and text of an answer."""
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=20) as said:
            return said.status, said.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


class TestServer:
    def test_is_for_who_knows_the_path(self, server: str) -> None:
        bare = server.rsplit("/", 2)[0]
        for path in ("", "/", "/sql", "/static/explore.js", "/wrong/", "/%C3%A9/", "//", "/./", f"/x{server[-9:]}"):
            status, said = answer(bare + path)
            assert (status, "printed, all of it" in said) == (403, True), path

    def test_answers_to_no_other_name(self, server: str) -> None:
        assert answer(server, Host="rebound.example.org")[0] == 400

    def test_listens_on_this_machine_alone(self, server: str) -> None:
        port = int(re.findall(r":(\d+)/", server)[0])
        for host, is_open in (("127.0.0.1", True), ("127.0.0.2", False), ("::1", False)):
            with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as asking:
                assert (asking.connect_ex((host, port)) == 0) == is_open, host

    def test_a_taken_port_is_one_line(self, project: Path) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = str(taken.getsockname()[1])
            code = "from rlhf_data.commands import main; main()"
            command = [sys.executable, "-c", code, "explore", "--project", str(project), "--port", port]
            done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True)
        assert done.returncode == 1
        assert done.stderr.startswith(f"StorageError: 127.0.0.1:{port}: ")


@needs_chromium
class TestPage:
    def test_prompts_are_chosen_and_filtered(self, page: Page) -> None:
        assert total(page) == "48 of 48 prompts"
        assert page.locator("#ranked").inner_text().startswith("2 responses")
        third = page.locator("#list li a").nth(2)
        asked = third.locator(".asked").inner_text()
        third.click()
        page.wait_for_function("() => document.querySelectorAll('#list li a')[2].ariaCurrent === 'true'")
        assert page.locator(".asked-turns .turn .text").inner_text() == asked
        word = asked.split()[-1].strip(".?!")
        page.locator("#words").fill(word)
        page.locator("#words").press("Enter")
        page.wait_for_function("() => document.getElementById('total').innerText !== '48 of 48 prompts'")
        matching = [row["prompt"] for row in PROMPTS[:48] if word.lower() in str(row["prompt"]).lower()]
        assert total(page) == f"{len(matching)} of 48 prompts"
        page.go_back()
        page.wait_for_function("() => document.getElementById('total').innerText === '48 of 48 prompts'")

    def test_typing_goes_on_while_the_page_changes(self, page: Page) -> None:
        page.locator("#chars_low").fill("1")
        page.locator("#chars_low").press("Tab")
        page.keyboard.type("9")
        page.wait_for_url("**chars_low=1**")
        page.wait_for_function("() => !document.querySelector('main[aria-busy]')")
        page.keyboard.type("8")
        assert page.locator("#chars_high").input_value() == "98"

    def test_pages_follow_one_another(self, page: Page) -> None:
        first = page.locator("#list .asked").all_inner_texts()
        page.get_by_role("link", name="Later").click()
        page.get_by_text("page 2 of 2").wait_for()
        second = page.locator("#list .asked").all_inner_texts()
        assert (len(first), len(second)) == (25, 23)

    def test_a_drag_over_the_chart_chooses(self, page: Page) -> None:
        bins = page.locator("#chart .bin")
        assert sum(int(text.split(" of ")[0]) for text in bins.locator("title").all_text_contents()) == 96
        box = page.locator("#chart .plot").bounding_box()
        assert box is not None
        page.mouse.move(box["x"] - 3, box["y"] - 3)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] + 3, box["y"] + box["height"] / 3, steps=4)
        page.mouse.up()
        page.wait_for_function("() => document.getElementById('reward_low').value !== ''")
        page.locator("#chart figcaption", has_text="48 of 96").wait_for()
        assert 0.5 < float(page.locator("#reward_low").input_value()) < 1
        page.locator("#clear").click()
        page.locator("#chart figcaption", has_text="96 of 96").wait_for()
        page.locator("#chart .bin").first.click()
        page.wait_for_function("() => document.getElementById('chars_high').value !== ''")
        page.locator("#chart figcaption", has_text=re.compile(r"^(?!.*\b96 of)", re.DOTALL)).wait_for()

    def test_chosen_and_rejected_are_marked_and_compared(self, page: Page) -> None:
        page.locator("#list li a").nth(1).click()
        page.wait_for_function("() => document.querySelectorAll('#list li a')[1].ariaCurrent === 'true'")
        left, right = page.locator(".pair .card h3").all_inner_texts()[:2]
        assert (left, right) == ("sample 0 rejected", "sample 1 chosen")
        assert page.locator("mark.gone").all_inner_texts() == ["0"]
        assert page.locator("mark.new").all_inner_texts() == ["1"]
        page.locator(".ranked li").first.get_by_role("link", name="left").click()
        page.wait_for_function("() => !document.querySelector('mark')")

    def test_policies_on_a_held_out_prompt(self, page: Page) -> None:
        page.locator("#part").select_option("test")
        page.get_by_text("2 of 2 prompts").wait_for()
        assert page.locator(".pair .card h3").all_inner_texts()[:2] == ["iter0 first policy", "iter1 last policy"]
        assert page.locator(".pair .left mark").all_inner_texts() == ["do not know"]

    def test_versions_are_compared(self, page: Page) -> None:
        page.goto(f"./?part=iter1&prompt={ATTACKED}&against=v1")
        then = page.locator("section", has=page.locator("#then"))
        assert "Another text." in then.inner_text()
        assert f"I think {ATTACKED} after 0 others." in then.inner_text()
        page.goto("./?at=v1&part=iter1")
        assert page.locator("#part option").all_inner_texts() == ["iter1"]
        page.goto("./?at=no-such-revision")
        assert page.locator("main h2").inner_text() == "StorageError"

    def test_works_without_scripts(self, browser: Browser, server: str) -> None:
        context = browser.new_context(java_script_enabled=False)
        page = context.new_page()
        page.goto(server)
        page.locator("#part").select_option("iter2")
        page.get_by_role("button", name="Apply").click()
        assert page.locator("#total").inner_text() == "1 of 1 prompts"
        context.close()


@needs_chromium
class TestSql:
    def test_answers(self, page: Page) -> None:
        page.get_by_role("link", name="SQL").click()
        page.locator("#query").fill("select iteration, count(*) as rows from generations group by all order by all")
        page.locator("#query").press("Control+Enter")
        page.locator("#answer").wait_for()
        assert page.locator("#answer th").all_inner_texts() == ["iteration", "rows"]
        assert page.locator("#answer td").all_inner_texts() == ["1", "96", "2", "6"]

    def test_tables_columns_and_questions_stand_beside(self, page: Page) -> None:
        page.goto("sql")
        listed = page.locator("aside details summary code").all_inner_texts()
        assert {"generations", "rewards", "pairs", "evaluations", "scored", "paired"} <= set(listed)
        assert "verdicts" not in listed  # which this project has not
        page.locator("summary", has_text="one DPO pair").click()
        assert "margin" in page.locator("details[open] dl").inner_text()
        page.get_by_role("link", name="The same test prompt, answered by each policy").click()
        page.locator("#answer").wait_for()
        assert page.locator("#answer td:nth-child(2)").all_inner_texts()[:2] == ["iter0", "iter1"]

    @pytest.mark.parametrize(
        ("query", "said"),
        [
            ("selec 1", "syntax error"),
            ("select * from nothing", "no table nothing"),
            ("select 1; select 2", "one statement at a time"),
            ("copy generations to 'out.csv'", "COPY is refused"),
            ("select * from read_text('/etc/passwd')", "read_text() is refused"),
            ("drop view generations", "DROP is refused"),
        ],
    )
    def test_what_is_wrong_is_one_line(self, page: Page, query: str, said: str) -> None:
        page.goto(f"sql?query={quote(query)}")
        wrong = page.locator("#wrong").inner_text()
        assert said in wrong
        assert "\n" not in wrong


@needs_chromium
def test_filters_fold_on_a_phone_and_stay_as_they_were_left(page: Page) -> None:
    page.goto("./")
    assert page.locator("#part").is_visible()
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto("./?part=iter1")
    assert not page.locator("#part").is_visible()
    page.locator("#fold summary").click()
    page.locator("#order").select_option("longest")
    page.wait_for_url("**order=longest**")
    page.wait_for_function("() => !document.querySelector('main[aria-busy]')")
    assert page.locator("#part").is_visible()


@needs_chromium
class TestAttacks:
    def test_responses_are_text(self, page: Page) -> None:
        page.goto("./?part=iter2")
        assert page.locator(".ranked .text").all_text_contents() == ATTACKS[::-1]
        assert "".join(page.locator(".pair .text").nth(0).all_text_contents()) == ATTACKS[0]
        assert "".join(page.locator(".pair .text").nth(1).all_text_contents()) == ATTACKS[1]
        assert page.locator("main :is(img, script, iframe, template, svg svg)").count() == 0
        page.locator("#order").select_option("longest")  # the other way to the page: a swap in place
        page.wait_for_url("**order=longest**")
        page.wait_for_function("() => !document.querySelector('main[aria-busy]')")
        assert page.locator(".ranked .text").all_text_contents() == ATTACKS[::-1]
        assert page.locator("main :is(img, script, iframe, template, svg svg)").count() == 0
        page.mouse.move(900, 500)
        time.sleep(0.2)  # what runs on a failed load or under the mouse would have by now

    def test_elsewhere_too(self, page: Page) -> None:
        page.goto(f"./?part=iter1&prompt={ATTACKED}")
        assert ATTACKS[-1] in page.locator("section", has=page.locator("#elsewhere")).inner_text()
        assert page.locator("main :is(img, script, iframe)").count() == 0

    def test_in_answers_columns_and_errors(self, page: Page) -> None:
        page.goto("sql?query=select+response+from+generations+where+iteration=2+order+by+sample")
        assert page.locator("#answer td .text").all_text_contents() == ATTACKS
        for attack in ATTACKS[:4]:
            name = attack.replace('"', '""')
            page.goto("sql?query=" + quote(f'select 1 as "{name}"'))
            assert page.locator("#answer th").all_text_contents() == [attack]
            page.goto("sql?query=" + quote(f'select "{name}"'))
            assert attack.split()[-1][-9:] in page.locator("#wrong").inner_text()
            page.goto("./?" + quote(f"words={attack}", safe="="))
            assert page.locator("#words").input_value() == attack
        assert page.locator("main :is(img, script, iframe)").count() == 0


class TestDifferences:
    def test_words_of_one_side_are_its_own(self) -> None:
        left, right = differences.sides("the cat sat down", "the dog sat")
        assert left == [("the ", False), ("cat", True), (" sat", False), (" down", True)]
        assert right == [("the ", False), ("dog", True), (" sat", False)]

    @pytest.mark.parametrize("texts", [("", ""), ("a", ""), (" \n", "\t"), *pairwise(ATTACKS)])
    def test_nothing_is_lost(self, texts: tuple[str, str]) -> None:
        assert tuple("".join(span.text for span in side) for side in differences.sides(*texts)) == texts

    def test_texts_that_repeat_themselves_take_no_longer(self) -> None:
        started = time.process_time()
        differences.sides("and so on " * 5000, "so on and " * 5000)
        assert time.process_time() - started < 5

    def test_too_long_a_text_is_shown_whole(self) -> None:
        assert differences.sides("a " * 20_001, "b") == ([("a " * 20_001, False)], [("b", False)])


class TestChoices:
    def test_an_address_says_what_was_chosen(self) -> None:
        chosen = choices.parsed({"part": "iter2", "chars_low": "5", "reward_high": "-1.5", "words": " ", "page": "3"})
        assert chosen.address() == "./?part=iter2&chars_low=5&reward_high=-1.5&page=3"
        assert chosen.address(page=1, chars_low=None) == "./?part=iter2&reward_high=-1.5"

    @pytest.mark.parametrize(
        ("query", "said"),
        [
            ({"page": "0"}, "page"),
            ({"reward_low": "nan"}, "reward_low"),
            ({"no": "1"}, "no"),
            ({"order": "x"}, "order"),
        ],
    )
    def test_what_cannot_be_meant_is_refused(self, query: dict[str, str], said: str) -> None:
        with pytest.raises(ParamsError, match=f"^{said}: "):
            choices.parsed(query)


def test_ticks_stand_where_their_values_do() -> None:
    part = {"chars_from": 0, "chars_to": 5000, "reward_from": -1.234, "reward_to": 2.5}
    over = chart.spans(part)
    assert over is not None
    assert [tick.value for tick in chart.reward_ticks(over)] == [-1, 0, 1, 2]
    for tick in chart.chars_ticks(over):
        assert tick.place == pytest.approx(over.x(tick.value), abs=0.01)
    assert chart.spans({**part, "reward_from": None}) is None
    assert over.x(0) == chart.LEFT
    assert over.y(over.reward_to) == chart.TOP
