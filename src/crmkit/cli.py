"""The command ``crmkit``: report on a folder of tables, check it, or see both at work on example data.

::

    crmkit report FOLDER --as-of 2024-12-31 --out report.html
    crmkit check FOLDER
    crmkit demo

Every error is one clear message on stderr: exit code 1 for data and files, 2 for wrong usage.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from crmkit import __version__
from crmkit.errors import CRMKitError

if TYPE_CHECKING:
    import typer

_NEEDED = {"typer": "cli", "rich": "cli"}
_DRAWING = {"jinja2": "report", "matplotlib": "report"}
_SIMULATED_CUSTOMERS = 2000
_SEED = 20241231


def main() -> None:
    """Run the command line; say in one line which extra is missing, if one is.

    Examples
    --------
    >>> main()    # doctest: +SKIP
    """
    line = _missing_extras(sys.argv[1:2])
    if line:
        print(line, file=sys.stderr)  # noqa: T201 - the command line's way to speak
        raise SystemExit(1)
    make_app()()


def _missing_extras(command: list[str]) -> str | None:
    """Name the packages that the command needs and that are not installed, with what installs them."""
    needed = _NEEDED | (_DRAWING if command in (["demo"], ["report"]) else {})
    absent = {package: extra for package, extra in needed.items() if find_spec(package) is None}
    if not absent:
        return None
    packages, extras = list(absent), ",".join(dict.fromkeys(absent.values()))
    names = " and ".join(filter(None, (", ".join(packages[:-1]), packages[-1])))
    return (
        f"{names} {'is' if len(packages) == 1 else 'are'} not installed: run pip install 'crmkit[{extras}]'"
    )


def make_app() -> "typer.Typer":
    """Build the command line application.

    Returns
    -------
    typer.Typer
        With the commands report, check and demo.

    Examples
    --------
    >>> sorted(command.name for command in make_app().registered_commands)
    ['check', 'demo', 'report']
    """
    import typer

    app = typer.Typer(
        add_completion=False, no_args_is_help=True, help="Analytical CRM: report on a folder of tables."
    )
    folder = typer.Argument(metavar="FOLDER", help="Folder with orders.csv, leads.parquet … and crmkit.toml.")
    day = typer.Option("--as-of", metavar="DATE", help="Last day that counts, such as 2024-12-31.")
    page = typer.Option(
        "--out", metavar="FILE", help="Page to write; its numbers go to the same name with .json."
    )
    heading = typer.Option("--title", help="Title of the page.")
    release = typer.Option(
        "--version", metavar="", is_eager=True, callback=_version, help="Print the version and exit."
    )
    target = typer.Option("--out", metavar="DIR", help="Folder for the pages; made if it does not exist.")

    @app.callback()
    def crmkit_(version: Annotated[bool, release] = False) -> None:
        """Analytical CRM: report on a folder of tables."""

    @app.command("report")
    def report_(
        folder: Annotated[Path, folder],
        as_of: Annotated[str, day],
        out: Annotated[Path, page] = Path("report.html"),
        title: Annotated[str | None, heading] = None,
    ) -> None:
        """Write one offline HTML page about the tables of a folder, and its numbers as JSON."""
        _guarded(lambda: _report(folder, as_of=as_of, out=out, title=title))

    @app.command("check")
    def check_(folder: Annotated[Path, folder]) -> None:
        """Print every problem of the tables of a folder: table, column, rows, examples."""
        _guarded(lambda: _check(folder))

    @app.command("demo")
    def demo_(out: Annotated[Path, target] = Path("crmkit-demo")) -> None:
        """Write two reports: on the purchases at CDNOW (real) and on a simulated company."""
        _guarded(lambda: _demo(out))

    return app


def _version(asked: bool) -> None:
    if asked:
        _tell(f"crmkit {__version__}")
        raise SystemExit(0)


def _guarded(run: Callable[[], None]) -> None:
    """Run a command; errors made for people become their message and exit code 1."""
    try:
        run()
    except (CRMKitError, ImportError, OSError) as error:
        _tell(str(error), error=True)
        raise SystemExit(1) from None


def _tell(text: str, *, error: bool = False) -> None:
    import typer

    typer.echo(text, err=error)


def _report(folder: Path, *, as_of: str, out: Path, title: str | None) -> None:
    with _bar() as progress:
        _page(folder, as_of=as_of, out=out, title=title, progress=progress)
    if sys.stdout.isatty():
        _tell(f"{out} and {out.with_suffix('.json').name} are written.")


def _page(source: Path | Mapping[str, object], **arguments: Any) -> None:
    from crmkit.report.page import report

    report(source, **arguments)


def _check(folder: Path) -> None:
    from crmkit.report.load import read_folder

    read = read_folder(folder)
    for problem in read.problems:
        _tell(str(problem))
    for name in read.unused if read.tables else ():
        _tell(f"{name} is not used: no table has this name", error=True)
    if read.problems:
        raise SystemExit(1)
    _tell(f"{len(read.tables)} table{'s' * (len(read.tables) != 1)}, no problems")


def _demo(out: Path) -> None:
    from crmkit.datasets.cdnow import load_cdnow
    from crmkit.datasets.company import simulate_company
    from crmkit.report.company import Assumptions

    out.mkdir(parents=True, exist_ok=True)
    with _bar() as progress:
        _page(
            {"orders": load_cdnow()},
            as_of="1998-06-30",
            out=out / "cdnow.html",
            title="CDNOW: the customers of early 1997 and what they bought",
            assumptions=Assumptions(currency="USD"),
            progress=progress,
        )
        company = simulate_company(customers=_SIMULATED_CUSTOMERS, random_state=_SEED)
        _page(
            company.tables,
            as_of=company.as_of,
            out=out / "company.html",
            title="A simulated company: customers, sales, value and cost",
            assumptions=Assumptions(currency="EUR"),
            simulated=True,
            progress=progress,
        )
    _tell(f"{out / 'cdnow.html'}: real purchases of all 23 570 customers of CDNOW")
    _tell(f"{out / 'company.html'}: a simulated company that has every table")


@contextmanager
def _bar() -> "Iterator[Callable[[str, int, int], None]]":
    """Show a progress bar on a terminal, and nothing where stderr is piped."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda *_: None
        return
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("Tables", total=None)

        def step(name: str, done: int, total: int) -> None:
            bar.update(task, description=name, completed=done, total=total)

        yield step
