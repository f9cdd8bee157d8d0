"""`rlhf-data sql`, `queries` and `ask`: answers, formats, the prompt, and that nothing is written through them."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
import small_project
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput
from small_project import command, git
from typer.testing import CliRunner

from rlhf_data import commands
from rlhf_data.commands import prompt
from rlhf_data.errors import ParamsError, StorageError, TableError
from rlhf_data.sql import statements

COPY = "copy (select 2 as a) to '{file}' (use_tmp_file false)"


def sql(project: Path, *arguments: str) -> str:
    return command("sql", "--project", str(project), *arguments, cwd=Path.cwd())


def contents(project: Path) -> dict[str, tuple[int, int]]:
    files = [path for path in project.rglob("*") if path.is_file() and "tmp" not in path.parts]
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in files}


@pytest.mark.parametrize("text", [
    COPY, f"with written as ({COPY}) from written", f"explain analyze {COPY}", f"explain (analyze) {COPY}",
    f"explain analyze with written as ({COPY}) from written", f"select 1; {COPY}", f"/* */ explain analyze {COPY}",
    f"with a as (with written as ({COPY}) from written) from a", "from rewards; drop view rewards",
    "with gone as (delete from rewards returning *) from gone", "insert into rewards from rewards", "begin",
    "attach ':memory:' as other", "create table t as from rewards", "drop view rewards", "pragma database_list",
    "call pragma_version()", "export database '{file}'", "import database '{file}'", "set threads = 1", "use main",
    "install httpfs", "load httpfs", "update rewards set reward = 0", "truncate rewards", "prepare p as select 1",
    "from read_csv('/etc/passwd')", "from '/etc/passwd'", "from query('from read_text(''/etc/passwd'')')",
    "alter view rewards rename to r", "checkpoint", "vacuum", "detach memory", "comment on view rewards is 'x'",
    "pivot rewards on judge using count(*)", "create secret s (type s3)", "reset threads",
])  # fmt: skip
def test_nothing_but_tables_is_read_and_nothing_is_written(two_versions: Path, text: str) -> None:
    """The file is one that the connection may open, so that only the check of the text can keep it from harm."""
    file, before = two_versions / "data/rewards/iter1.parquet", contents(two_versions)
    with pytest.raises(TableError, match=r"\Aquery: [^\n]*\Z"):
        sql(two_versions, f"{text.format(file=file)} -- rewards")
    assert contents(two_versions) == before


def test_what_only_reads_is_answered(two_versions: Path) -> None:
    recursive = "with recursive t as (select 1 as n union all select n + 1 from t where n < 3) from t"
    for text in (
        *("describe rewards", "summarize rewards", "show tables", "explain from pairs", "explain analyze from rewards"),
        *("from query_table('rewards')", "values ('COPY_QUERY_NODE')", "select 1; from pairs", recursive),
        "from (pivot rewards on judge in ('reward') using count(*))",
    ):
        assert "│" in sql(two_versions, text)


@pytest.mark.parametrize(("text", "said"), [
    ("from generatons", "no table generatons; near: generations"),
    ("from evaluations", r"there is no evaluations in now\n  `dvc repro` makes it"),
    ("select itration from pairs", 'Candidate bindings: "iteration"'),
    ("select * frm pairs", r'syntax error at or near "pairs" \(line 1: select \* frm pairs\)'),
    ("select $a", "its parameters are: a; missing or unknown: a"),
    ("select 'x'::int", "Could not convert string 'x'"),
    ("from v3.pairs", "v3"),
])  # fmt: skip
def test_what_is_wrong_is_said(two_versions: Path, text: str, said: str) -> None:
    with pytest.raises(TableError, match=said):
        sql(two_versions, text)


def test_formats_hold_the_same_rows(two_versions: Path, tmp_path: Path) -> None:
    text = "select prompt_id, prompt, chosen from pairs order by prompt_id limit 3"
    shown = json.loads(sql(two_versions, text, "--format", "json"))
    assert [row["prompt"][0]["role"] for row in shown] == ["user"] * 3
    files = {suffix: tmp_path / f"rows.{suffix}" for suffix in ("csv", "json", "parquet")}
    for file in files.values():
        assert sql(two_versions, text, "--out", str(file)) == ""
    read = [pl.read_csv(files["csv"]), pl.read_json(files["json"]), pl.read_parquet(files["parquet"])]
    assert [table["chosen"].to_list() for table in read] == [[row["chosen"] for row in shown]] * 3
    assert pl.read_parquet(tmp_path / "rows.parquet").schema["prompt"] == pl.List(
        pl.Struct({"role": pl.String, "content": pl.String})
    )
    assert sql(two_versions, "select 1 as a where false", "--format", "json") == "[]\n"
    assert sql(two_versions, "select 1 as a; select $b as b", "--param", "b=x", "--format", "csv") == "a\n1\nb\nx\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.csv", "rows.json", "rows.parquet"]


def test_a_text_cannot_steer_the_terminal(two_versions: Path) -> None:
    assert "\x1b" not in sql(two_versions, "select chr(27) || '[2J' as a, [chr(27)] as b")


def test_files_stdin_and_limits(two_versions: Path, tmp_path: Path) -> None:
    (tmp_path / "asked.sql").write_text("-- how many?\nselect count(*) as n\nfrom scored;")
    assert sql(two_versions, "--file", str(tmp_path / "asked.sql"), "--format", "csv") == "n\n104\n"
    piped = CliRunner().invoke(
        commands.app, ["sql", "--project", str(two_versions), "--format", "csv"], input="select 1 as a; select 2 as a;"
    )
    assert piped.stdout == "a\n1\na\n2\n"
    assert re.search(r" rows +.*\(4 shown\)", sql(two_versions, "from generations", "--limit", "4"))


@pytest.mark.parametrize("arguments", [
    ("select 1; select 2", "--out", "x.csv"), ("select 1", "--out", "x.txt"), ("select 1", "--write", "x.duckdb"),
    ("",), ("select $a", "--param", "a"), ("select 1", "--format", "xml"),
    ("select 1", "--format", "table", "--out", "x"),
])  # fmt: skip
def test_what_makes_no_sense_is_a_usage_error(two_versions: Path, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    command("sql", "--project", str(two_versions), *arguments, cwd=tmp_path, code=2)
    assert list(tmp_path.iterdir()) == []


def test_versions_are_asked_side_by_side(two_versions: Path) -> None:
    both = (
        'select (select count(*) from generations), (select count(*) from "v2".pairs), (select count(*) from now.pairs)'
    )
    assert sql(two_versions, both, "--at", "v1", "--at", "v2", "--format", "csv").splitlines()[1] == "96,52,52"
    with pytest.raises(StorageError, match="v9: no such Git revision"):
        sql(two_versions, "from pairs", "--at", "v9")
    with pytest.raises(TableError, match="there is no verdicts in now, v1"):
        sql(two_versions, "from verdicts", "--at", "v1")


def test_a_clone_that_has_pulled_nothing_says_so(two_versions: Path, tmp_path: Path) -> None:
    clone = small_project.clone(two_versions, tmp_path / "clone")
    done = subprocess.run(["rlhf-data", "sql", "show tables"], cwd=clone, env=small_project.ENVIRONMENT, text=True,
                          capture_output=True, check=True)  # fmt: skip
    assert done.stderr == (
        "no table is here: `dvc repro` makes it, `dvc pull` fetches it, `--at HEAD` reads what was committed\n"
    )


def test_a_written_catalogue_is_named(two_versions: Path, tmp_path: Path) -> None:
    assert "generations" in sql(two_versions, "--write", str(tmp_path / "catalog.duckdb"))
    assert (tmp_path / "catalog.duckdb").exists()


def test_questions_are_listed_and_answered(two_versions: Path) -> None:
    listed = command("queries", cwd=two_versions)
    assert "examples --param prompts=…\n    What do the best and the worst response to a prompt look like?" in listed
    asked = ("ask", "examples", "--format", "json", "--param")
    assert len(json.loads(command(*asked, "prompts=2", cwd=two_versions))) == 2
    assert len(json.loads(command(*asked, "prompts=3", "--at", "v1", cwd=two_versions / "data"))) == 3
    with pytest.raises(TableError, match="its parameters are: prompts; missing or unknown: x"):
        command(*asked, "x=2", cwd=two_versions)
    assert (
        len(json.loads(command("ask", "examples", "--format", "json", cwd=two_versions))) == 6
    )  # as the profile has it
    with pytest.raises(TableError, match=r"there is no exmples.sql; there are: .*examples"):
        command("ask", "exmples", cwd=two_versions)


def test_every_question_only_reads() -> None:
    for path in (Path(commands.__file__).parents[1] / "sql").rglob("*.sql"):
        assert len(statements.parse(path.read_text())) == 1, path


def test_the_prompt_answers_goes_on_after_errors_and_remembers(
    two_versions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = ".tables\nselect 'six' ||\n'teen' as answer;\nfrom nothing;\ndrop view pairs;\n.help\n.quit\n"
    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        keys.send_text(typed)
        prompt.run(two_versions, at=[], limit=None, history=tmp_path / "history")
    said = capsys.readouterr().out
    assert "sixteen" in said
    assert "generations" in said
    assert "TableError: query: there is no table nothing" in said
    assert "TableError: query: DROP is refused" in said
    assert said.count(".quit or Ctrl-D") == 2
    assert "drop view pairs" in (tmp_path / "history").read_text()


def test_the_script_prints_errors_in_one_line_and_finds_its_project(two_versions: Path, tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"no dvc.yaml here or in a folder above"):
        command("sql", "select 1", cwd=tmp_path)
    script = [sys.executable, "-c", "from rlhf_data.commands import main; main()", "sql", "from nothing"]
    done = subprocess.run(script, cwd=two_versions / "data", capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("TableError: query: there is no table nothing; there are: preferences")
    assert git("status", "--porcelain", cwd=two_versions) == ""


def test_a_query_loads_no_library_that_it_does_not_need(two_versions: Path) -> None:
    slow = {"polars", "dataframely", "dvc", "torch", "pyarrow", "prompt_toolkit", "marimo"}
    asked = (
        "import sys; sys.argv = ['rlhf-data', 'sql', 'from pairs']\n"
        "from rlhf_data.commands import app\n"
        f"try: app()\nexcept SystemExit: print(sorted(set(sys.modules) & {slow!r}))"
    )
    done = subprocess.run([sys.executable, "-c", asked], cwd=two_versions, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("begins", ["=", "+", "-", "@", "\t=", "\r=", " =", "  @"])
def test_a_spreadsheet_finds_no_formula(two_versions: Path, begins: str) -> None:
    query = f"select '{begins}1' as text, 'fine' as fine, -3 as number, null::varchar as none"
    said = command("sql", query, "--format", "spreadsheet", cwd=two_versions)
    (row,) = csv.DictReader(said.replace("\r", "").splitlines())
    assert row["text"].startswith("'")
    assert (row["fine"], row["number"], row["none"]) == ("fine", "-3", "")
