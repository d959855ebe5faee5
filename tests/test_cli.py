"""The command line: pages, problems, exit codes, and silence where nobody looks."""

import json
import subprocess
import sys
from types import SimpleNamespace

import pandas as pd
import pytest

from crmkit import __version__, cli
from crmkit.datasets import cdnow, company

ORDERS = "customer_id,order_date,amount\n" + "".join(
    f"c{day % 7},2024-{month:02d}-{day:02d},{day}\n" for month in range(1, 9) for day in (3, 11, 19, 26)
)


@pytest.fixture
def folder(tmp_path):
    home = tmp_path / "company"
    home.mkdir()
    (home / "orders.csv").write_text(ORDERS)
    return home


@pytest.fixture
def run(capsys):
    """Run a command in this process; typer's own runner cannot part stdout and stderr in all versions."""

    def run(*arguments):
        with pytest.raises(SystemExit) as left:
            cli.make_app()([str(one) for one in arguments])
        printed = capsys.readouterr()
        return SimpleNamespace(exit_code=left.value.code, stdout=printed.out, stderr=printed.err)

    return run


def test_report_writes_page_and_numbers(run, folder, tmp_path):
    page = tmp_path / "r.html"
    result = run("report", folder, "--as-of", "2024-08-31", "--out", page, "--title", "My <title>")
    assert result.exit_code == 0, result.stderr
    assert "My &lt;title&gt;" in page.read_text(encoding="utf-8")
    assert json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))["as_of"] == "2024-08-31"


def test_report_says_where_the_page_is_on_a_terminal(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr(cli, "_page", lambda *_, **__: None)
    cli._report(folder, as_of="2024-08-31", out=tmp_path / "r.html", title=None)
    assert capsys.readouterr().out == f"{tmp_path / 'r.html'} and r.json are written.\n"


@pytest.mark.parametrize(
    ("change", "arguments", "message"),
    [
        ({"orders.csv": ""}, (), "orders.*: orders.csv is empty (0 bytes)"),
        ({"crmkit.toml": "[order]\n"}, (), "crmkit.toml: has a table [order] that crmkit does not know"),
        ({}, ("--as-of", "2020-01-01"), "as_of 2020-01-01 is before the data"),
        ({}, ("--as-of", "soon"), "`as_of` must be a date such as '2024-12-31'"),
        ({}, ("--out", "r.pdf"), "`out` must be a file name that ends in .html"),
    ],
)
def test_errors_are_one_line_on_stderr(run, folder, tmp_path, change, arguments, message):
    for name, content in change.items():
        (folder / name).write_text(content)
    result = run("report", folder, "--as-of", "2024-08-31", "--out", tmp_path / "r.html", *arguments)
    assert result.exit_code == 1
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""
    assert not list(tmp_path.glob("r.*"))


def test_unexpected_errors_are_not_hidden(run, folder, tmp_path, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("a bug")

    monkeypatch.setattr(cli, "_page", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        run("report", folder, "--as-of", "2024-08-31")


@pytest.mark.parametrize("arguments", [("report",), ("report", "x"), ("nothing",), ("check", "x", "--wrong")])
def test_wrong_usage_is_2(run, arguments):
    assert run(*arguments).exit_code == 2


def test_version(run):
    result = run("--version")
    assert (result.exit_code, result.stdout) == (0, f"crmkit {__version__}\n")


def test_a_wrong_date_is_said_before_the_folder_is_read(run, folder, tmp_path, monkeypatch):
    def read(*_):
        raise AssertionError

    monkeypatch.setattr("crmkit.report.page.read_folder", read)
    result = run("report", folder, "--as-of", "gestern", "--out", tmp_path / "r.html")
    assert result.exit_code == 1
    assert result.stderr.startswith("`as_of` must be a date such as '2024-12-31'")


def test_check_without_problems(run, folder):
    result = run("check", folder)
    assert (result.exit_code, result.stdout) == (0, "1 table, no problems\n")


def test_check_names_unused_files(run, folder):
    (folder / "lead.csv").write_text("x\n1\n")
    (folder / "leads.csv").write_text("lead_id,created_at\n1,2024-01-01\n")
    result = run("check", folder)
    assert (result.exit_code, result.stdout) == (0, "2 tables, no problems\n")
    assert result.stderr == "lead.csv (did you mean leads.csv?) is not used: no table has this name\n"


def test_check_prints_every_problem(run, folder):
    (folder / "orders.csv").write_text(ORDERS + ",soon,much\n")
    (folder / "leads.csv").write_text("")
    result = run("check", folder)
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "orders.order_date: 1 row of 33 without a date that can be read (expected as 2024-12-31), "
        "for example 'soon'",
        "orders.amount: 1 row of 33 without a number that can be read (expected as 1234.5; set decimal and "
        "thousands in crmkit.toml), for example 'much'",
        "orders.customer_id: 1 row without a value",
        "leads.*: leads.csv is empty (0 bytes)",
    ]


def test_check_of_no_folder(run, tmp_path):
    result = run("check", tmp_path / "no")
    assert result.exit_code == 1
    assert "`folder` must be an existing folder" in result.stderr


def test_demo_makes_two_pages(run, tmp_path, monkeypatch, folder):
    orders = pd.read_csv(folder / "orders.csv", parse_dates=["order_date"])
    orders["order_date"] = orders["order_date"] - pd.DateOffset(years=27)
    monkeypatch.setattr(cdnow, "load_cdnow", lambda: orders)
    monkeypatch.setattr(cli, "_SIMULATED_CUSTOMERS", 60)
    result = run("demo", "--out", tmp_path / "new" / "demo")
    assert result.exit_code == 0, result.stderr
    pages = sorted(one.name for one in (tmp_path / "new" / "demo").iterdir())
    assert pages == ["cdnow.html", "cdnow.json", "company.html", "company.json"]
    assert [line.split(":")[0] for line in result.stdout.splitlines()] == [
        str(tmp_path / "new" / "demo" / name) for name in ("cdnow.html", "company.html")
    ]
    simulated = json.loads((tmp_path / "new" / "demo" / "company.json").read_text(encoding="utf-8"))
    assert simulated["simulated"] is True
    assert simulated["skipped"] == {}
    real = json.loads((tmp_path / "new" / "demo" / "cdnow.json").read_text(encoding="utf-8"))
    assert real["simulated"] is False


def test_the_simulated_company_passes_its_own_check(run, tmp_path):
    company.simulate_company(customers=40, random_state=1).write(tmp_path)
    result = run("check", tmp_path)
    assert (result.exit_code, result.stdout) == (0, "21 tables, no problems\n")


def test_piped_it_is_silent(folder, tmp_path):
    command = [sys.executable, "-W", "error", "-c", "from crmkit.cli import main; main()"]
    command += ["report", str(folder), "--as-of", "2024-08-31", "--out", str(tmp_path / "r.html")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "r.html").exists()


def test_a_terminal_sees_progress(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    with cli._bar() as progress:
        progress("Sales by month", 3, 6)


@pytest.mark.parametrize(
    ("absent", "command", "line"),
    [
        (["typer"], ["check"], "typer is not installed: run pip install 'crmkit[cli]'"),
        (["typer"], [], "typer is not installed: run pip install 'crmkit[cli]'"),
        (["jinja2"], ["demo"], "jinja2 is not installed: run pip install 'crmkit[report]'"),
        (
            ["typer", "rich", "jinja2", "matplotlib"],
            ["demo"],
            "typer, rich, jinja2 and matplotlib are not installed: run pip install 'crmkit[cli,report]'",
        ),
        (["jinja2"], ["check"], None),
    ],
)
def test_missing_extras(monkeypatch, absent, command, line):
    monkeypatch.setattr(cli, "find_spec", lambda name: None if name in absent else object())
    assert cli._missing_extras(command) == line


def test_main_says_so_in_one_line(monkeypatch, capsys):
    monkeypatch.setattr(cli, "find_spec", lambda name: None if name == "typer" else object())
    monkeypatch.setattr("sys.argv", ["crmkit", "check", "x"])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 1
    assert capsys.readouterr().err == "typer is not installed: run pip install 'crmkit[cli]'\n"


def test_main_runs(monkeypatch, folder, capsys):
    monkeypatch.setattr("sys.argv", ["crmkit", "check", str(folder)])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 0
    assert capsys.readouterr().out == "1 table, no problems\n"


def test_importing_the_module_loads_nothing_heavy():
    code = "import sys, crmkit.cli; assert not {'typer', 'rich', 'pandas', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
