"""A plot, through DVC's own renderer and our template → drawn by a browser that has no network."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from dvc_render import VegaRenderer, render_html

from rlhf_data.errors import ParamsError
from rlhf_data.reports import dvc_plots

LOSSES = [{"step": step, "loss": 1 / step, "rev": "workspace"} for step in range(1, 6)]


def rendered(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    template = folder / "offline.html"
    template.write_text(dvc_plots.template(), encoding="utf8")
    plots = [VegaRenderer([dict(row) for row in LOSSES], name, x="step", y="loss") for name in ("first", "second")]
    return Path(render_html(plots, folder / "index.html", html_template=template))


def test_the_page_loads_nothing(tmp_path: Path) -> None:
    text = rendered(tmp_path).read_text(encoding="utf8")

    assert "cdn.jsdelivr.net/npm/vega@" not in text
    assert not re.search(r"<script[^>]*\ssrc", text)
    assert not [placeholder for placeholder in ("{plot_divs}", "{refresh_tag}", "{scripts}") if placeholder in text]


def test_plots_are_drawn_without_a_network(tmp_path: Path) -> None:
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("chromium is not on the PATH")
    quiet = ["--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    headless = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", *quiet]
    offline = "--host-resolver-rules=MAP * ~NOTFOUND"
    settings = [offline, f"--user-data-dir={tmp_path}/profile", "--virtual-time-budget=5000"]
    command = [browser, *headless, *settings, "--dump-dom", rendered(tmp_path).as_uri()]

    page = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout

    body = page[page.index("<body") :]  # the head holds Vega, which speaks of marks too
    assert len(re.findall(r'<(?:svg|canvas)[^>]*class="marks"', body)) == 2
    assert body.count('aria-roledescription="line mark container"') >= 2


def test_main_writes_where_dvc_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ParamsError, match="run this from the project's root"):
        dvc_plots.main()
    (tmp_path / ".dvc").mkdir()
    dvc_plots.main()

    assert "{plot_divs}" in (tmp_path / ".dvc" / "plots" / "offline.html").read_text(encoding="utf8")
    assert [found.name for found in (tmp_path / ".dvc" / "plots").iterdir()] == ["offline.html"]
