"""Write a report as one self-contained HTML page and the same numbers as JSON beside it."""

import contextlib
import dataclasses
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crmkit import _params
from crmkit.errors import missing_extra
from crmkit.report import numerals
from crmkit.report.assembly import Progress, build
from crmkit.report.company import Assumptions
from crmkit.report.document import Heading, Report, Table
from crmkit.report.load import read_folder, refuse

_POINT = 0.01


def report(
    source: str | Path | Mapping[str, object],
    *,
    as_of: Any,
    out: str | Path,
    title: str | None = None,
    assumptions: Assumptions | None = None,
    simulated: bool | None = None,
    progress: Progress | None = None,
) -> Report:
    """Compute a report and write it as an HTML page, with the same numbers as JSON beside it.

    Parameters
    ----------
    source : str, Path or mapping of str to DataFrame
        A folder with files named by table, or the tables themselves.
    as_of : date or str
        The last day that counts; rows dated later are left out and counted.
    out : str or Path
        The page to write, ending in .html; the numbers go to the same name with .json.
    title : str, optional
        Title of the page. This and the next two default to what ``crmkit.toml`` says.
    assumptions : Assumptions, optional
        Currency, discount rate, gross margin: what no table says.
    simulated : bool, optional
        Whether the data are simulated; then the page says so.
    progress : callable, optional
        Called with (what is being done, steps done, steps in all).

    Returns
    -------
    Report
        What was written.

    Raises
    ------
    DataError
        If a file or a table is wrong (the message lists every problem), or `as_of` is before the data.
    ParameterError
        If an argument is not valid.
    ImportError
        If jinja2 or matplotlib is not installed.
    OSError
        If the page cannot be written.

    Notes
    -----
    Both files appear complete or not at all; a report that fails leaves older ones as they were.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> days = pd.date_range("2024-01-15", periods=9, freq="MS")
    >>> orders = pd.DataFrame({"customer_id": list("abcdabcda"), "order_date": days, "amount": 10.0})
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = report({"orders": orders}, as_of="2024-12-31", out=folder / "report.html")
    >>> sorted(one.name for one in folder.iterdir())
    ['report.html', 'report.json']
    """
    page = _target(out)
    _params.date("as_of", as_of)  # before a large folder is read
    unused: tuple[str, ...] = ()
    if isinstance(source, Mapping):
        tables, said = source, {}
    else:
        folder = read_folder(source)
        refuse(folder.problems)
        tables, said, unused = folder.tables, dict(folder.page), folder.unused
    heading, stated = said.pop("title", None), said.pop("simulated", False)
    built = build(
        tables,
        as_of=as_of,
        title=title or heading,
        assumptions=Assumptions(**said) if assumptions is None else assumptions,
        simulated=stated if simulated is None else simulated,
        progress=progress,
    )
    if unused:
        note = f"Files of the folder that are no table and were not used: {', '.join(unused)}."
        built = dataclasses.replace(built, notes=(*built.notes, note))
    numbers = json.dumps(built.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)
    _write({page: render(built), page.with_suffix(".json"): numbers})
    return built


def _target(out: str | Path) -> Path:
    page = Path(out)
    if page.suffix.lower() not in (".html", ".htm"):
        _params.fail("out", "a file name that ends in .html", str(out))
    if not page.parent.is_dir():
        _params.fail("out", "in a folder that exists", str(out))
    for target in (page, page.with_suffix(".json")):
        if target.is_dir():
            _params.fail("out", "a file, not a folder", str(target))
    return page


def render(built: Report) -> str:
    """Write a report as HTML.

    Parameters
    ----------
    built : Report
        The report.

    Returns
    -------
    str
        One page without scripts or anything from elsewhere.

    Raises
    ------
    ImportError
        If jinja2 is not installed.

    Examples
    --------
    >>> import datetime
    >>> text = render(Report("A <b>", datetime.date(2024, 12, 31), None, False, ()))
    >>> "A &lt;b&gt;" in text, "http:" in text
    (True, False)
    """
    try:
        import jinja2
    except ImportError:
        raise missing_extra("jinja2", "report") from None
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("crmkit.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["form"] = _form
    environment.filters["date"] = numerals.date
    environment.filters["integer"] = numerals.integer
    environment.filters["missing"] = numerals.missing
    return environment.get_template("page.html.jinja").render(report=built)


def _form(value: Any, heading: Heading, table: Table) -> str:
    """Write a value as its column says, with as many decimals as the others of the column."""
    if numerals.missing(value):
        return numerals.NONE
    if heading.form == "text":
        return str(value)
    if heading.form in ("date", "month"):
        write = numerals.date if heading.form == "date" else numerals.month
        return write(_params.date(heading.name, value))  # dates are ISO text in the rows
    if heading.form == "rate":
        return numerals.rate(value)
    known = [row[heading.name] for row in table.rows if not numerals.missing(row[heading.name])]
    sizes = [abs(one) * (100 if heading.form == "share" else 1) for one in known]
    if heading.form == "share":
        fine = any(0 < one < 9.95 for one in sizes) or _narrow(heading, table)
        return f"{numerals.decimal(100 * value, int(fine))}{numerals.SPACE}%"
    fine = heading.form == "money" and max(sizes, default=0) < 100 and any(one % 1 for one in sizes)
    return numerals.decimal(value, 2 if fine else int(heading.form == "decimal"))


def _narrow(heading: Heading, table: Table) -> bool:
    """Say whether whole per cents would hide an interval: both ends would read the same."""
    if heading.ends is None:
        return False
    low, high = heading.ends
    known = [row for row in table.rows if not numerals.missing(row[low])]
    return any(row[high] - row[low] < _POINT for row in known)


def _write(files: Mapping[Path, str]) -> None:
    """Write all files under other names first, then put them in place."""
    written: dict[str, Path] = {}
    try:
        for path, text in files.items():
            handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
            written[name] = path
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
                stream.write(text)
            Path(name).chmod(0o644)
        for name, path in written.items():
            Path(name).replace(path)
    finally:
        for name in written:
            with contextlib.suppress(FileNotFoundError):
                Path(name).unlink()
