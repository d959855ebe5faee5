"""Read ``crmkit.toml``: which file holds a table, what its columns are called, how its text is written.

Every key is checked; what is unknown is a problem, so that a typing error never silently changes a result::

    [report]
    title = "Northwind, year 2024"
    currency = "EUR"

    [orders]
    file = "sales.csv"
    tz = "Europe/Helsinki"
    [orders.columns]
    customer_id = "cust"
"""

import datetime as dt
import difflib
import os
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from crmkit import _params
from crmkit.errors import ParameterError
from crmkit.tables import CONTRACTS, Problem

FILE_NAME = "crmkit.toml"
SUFFIXES = (".csv", ".parquet")
_TEXT_KEYS = ("file", "tz", "date_format", "separator", "decimal", "thousands")
_TABLE_KEYS = (*_TEXT_KEYS, "ignore", "columns")
_NO_SEPARATORS = "\"'.-\r\n"
_THOUSANDS = (".", ",", " ", "'")
_LONGEST = 80
_SAMPLE = dt.datetime(2024, 12, 1, tzinfo=dt.UTC)
_PAGE_KEYS: dict[str, tuple[type, ...]] = {
    "title": (str,),
    "currency": (str,),
    "discount": (int, float),
    "gross_margin": (int, float),
    "costs_from": (dt.date, str),
    "simulated": (bool,),
}


@dataclass(frozen=True, slots=True)
class TableSettings:
    """How one table is stored.

    Parameters
    ----------
    file : str, optional
        Name of its file inside the folder; by default the table's name with .csv or .parquet.
    tz : str, optional
        Business time zone that dates with a UTC offset are converted to.
    date_format : str, optional
        Format of its dates in text, as in ``strptime``; ISO dates when left out.
    separator, decimal : str
        What separates the fields of a CSV file, and the decimals of its numbers.
    columns : mapping
        Canonical name → name in the file.
    thousands : str, optional
        What parts the thousands of its numbers in text: a point, a comma, a space or an apostrophe.
    ignore : tuple of str
        Columns of the file that are left out, such as an `age` in bands.

    Examples
    --------
    >>> TableSettings(file="sales.csv").separator
    ','
    """

    file: str | None = None
    tz: str | None = None
    date_format: str | None = None
    separator: str = ","
    decimal: str = "."
    columns: Mapping[str, str] = field(default_factory=dict)
    thousands: str | None = None
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """What a folder says about itself.

    Parameters
    ----------
    tables : mapping
        Table → `TableSettings`.
    page : mapping
        The keys of ``[report]``: title, currency, discount, gross_margin, costs_from, simulated.
    problems : tuple of Problem
        Everything wrong in the file.

    Examples
    --------
    >>> Settings().table("orders").decimal
    '.'
    """

    tables: Mapping[str, TableSettings] = field(default_factory=dict)
    page: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def table(self, name: str) -> TableSettings:
        """Return how a table is stored, the defaults when the file does not mention it."""
        return self.tables.get(name, TableSettings())


def read_settings(folder: Path) -> Settings:
    """Read and check the settings of a folder.

    Parameters
    ----------
    folder : Path
        A folder; without a ``crmkit.toml`` everything is as by default.

    Returns
    -------
    Settings
        What is right in the file, and the problems of what is not.

    Examples
    --------
    >>> read_settings(Path("/nowhere")).problems
    ()
    """
    path = folder / FILE_NAME
    if not os.path.lexists(path):
        return Settings()
    if not stays_inside(folder, FILE_NAME):
        return Settings(problems=(problem("is a link to a file outside the folder"),))
    if not path.is_file():
        return Settings(problems=(problem("is not a file"),))
    try:
        document = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        return Settings(problems=(problem(f"is not a TOML file: {error}"),))
    page = document.pop("report", {})
    found = _unknown(document, ("report", *CONTRACTS), "a table [{}]")
    found += [
        problem(f"`{name}` must be a table, [{name}]") for name, one in document.items() if not _is_table(one)
    ]
    found += _page_problems(page)
    known = {name: one for name, one in document.items() if name in CONTRACTS and _is_table(one)}
    for name, one in known.items():
        found += _table_problems(folder, name, one)
    if found:
        return Settings(problems=tuple(found))
    tables = {
        name: TableSettings(**one | {"ignore": tuple(one.get("ignore", ()))}) for name, one in known.items()
    }
    return Settings(tables, page)


def problem(what: str) -> Problem:
    """Make a problem of the settings file itself."""
    table, column = FILE_NAME.split(".")
    return Problem(table, column, 0, what)


def _is_table(value: object) -> bool:
    return isinstance(value, dict)


def _unknown(given: Iterable[str], known: Iterable[str], what: str) -> list[Problem]:
    known = list(known)
    found = []
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f"Did you mean '{near[0]}'?" if near else f"Known: {', '.join(known)}."
            found.append(problem(f"has {what.format(name)} that crmkit does not know. {hint}"))
    return found


def _page_problems(page: Any) -> list[Problem]:
    if not _is_table(page):
        return [problem("`report` must be a table, [report]")]
    found = _unknown(page, _PAGE_KEYS, "a key [report] {}")
    for name, value in page.items():
        kinds = _PAGE_KEYS.get(name, (object,))
        if not isinstance(value, kinds) or (isinstance(value, bool) and kinds != (bool,)):
            kind = {str: "a text", bool: "true or false", dt.date: "a date"}.get(kinds[0], "a number")
            found.append(problem(f"[report] {name} must be {kind}. Got {value!r} instead."))
    return found or _page_ranges(page)


def _page_ranges(page: Mapping[str, Any]) -> list[Problem]:
    """Check here what a report would refuse, so that `crmkit check` finds it."""
    checks: dict[str, Callable[[str, Any], object]] = {
        "currency": _params.currency,
        "discount": lambda name, value: _params.number(name, value, low=0),
        "gross_margin": _params.share,
        "costs_from": _params.date,
    }
    found = []
    for name in checks.keys() & page.keys():
        try:
            checks[name](name, page[name])
        except ParameterError as error:
            found.append(problem(f"[report] {error}"))
    return sorted(found, key=str)


def _table_problems(folder: Path, name: str, given: dict[str, Any]) -> list[Problem]:
    found = _unknown(given, _TABLE_KEYS, f"a key [{name}] {{}}")
    columns = given.get("columns", {})
    if not _is_table(columns) or not all(isinstance(one, str) for one in columns.values()):
        found.append(problem(f"[{name}.columns] must map canonical names to names in the file"))
    else:
        found += _unknown(columns, CONTRACTS[name].roles(), f"a column {{}} of [{name}.columns]")
    ignored = given.get("ignore", [])
    if not isinstance(ignored, list) or not all(isinstance(one, str) for one in ignored):
        found.append(
            problem(f"[{name}] ignore must be a list of columns of the file. Got {ignored!r} instead.")
        )
    texts = {key: given[key] for key in _TEXT_KEYS if key in given}
    found += [
        problem(f"[{name}] {key} must be a text. Got {value!r} instead.")
        for key, value in texts.items()
        if not isinstance(value, str)
    ]
    if found:
        return found
    for key, (is_valid, example) in _TEXT_RULES.items():
        if key in texts and not is_valid(texts[key]):
            found.append(problem(f"[{name}] {key} must be {example}. Got {texts[key]!r} instead."))
    if texts.get("thousands") == texts.get("decimal", "."):
        found.append(
            problem(f"[{name}] thousands and decimal must differ. Got {texts['thousands']!r} for both.")
        )
    if "file" in texts:
        found += _file_problems(folder, name, texts["file"])
    return found


def _is_separator(text: str) -> bool:
    return len(text) == 1 and not text.isalnum() and text not in _NO_SEPARATORS


def _is_date_format(text: str) -> bool:
    """Say whether a date written in the format can be read again, its year at least."""
    try:
        read = dt.datetime.strptime(_SAMPLE.strftime(text), text)
    except ValueError:
        return False
    return read.year == _SAMPLE.year


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


_TEXT_RULES: dict[str, tuple[Callable[[str], bool], str]] = {
    "separator": (_is_separator, "one character, such as ';'"),
    "decimal": (lambda text: text in (".", ","), "'.' or ','"),
    "thousands": (lambda text: text in _THOUSANDS, f"one of {', '.join(map(repr, _THOUSANDS))}"),
    "tz": (_is_zone, "an IANA time zone such as 'Europe/Helsinki'"),
    "date_format": (_is_date_format, "the format of a date, such as '%d.%m.%Y'"),
}


def _file_problems(folder: Path, name: str, file: str) -> list[Problem]:
    if PurePosixPath(file).suffix.lower() not in SUFFIXES:
        return [problem(f"[{name}] file must end in .csv or .parquet. Got {file!r} instead.")]
    if not stays_inside(folder, file):
        return [problem(f"[{name}] file must be inside the folder. Got {file!r} instead.")]
    if not is_file(folder / file):
        return [problem(f"[{name}] file {_shortened(file)!r} does not exist")]
    return []


def is_file(path: Path) -> bool:
    """Say whether a file is there; a name that no file can have is none."""
    try:
        return path.is_file()
    except OSError:
        return False


def _shortened(file: str) -> str:
    return file if len(file) <= _LONGEST else f"{file[:_LONGEST]}…"


def stays_inside(folder: Path, file: str) -> bool:
    """Say whether a file name leads to a place inside the folder, links followed."""
    parts = {*PurePosixPath(file).parts, *PureWindowsPath(file).parts}
    if ".." in parts or "\0" in file or PurePosixPath(file).is_absolute() or PureWindowsPath(file).anchor:
        return False
    try:
        return (folder / file).resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # a name too long, or links in a circle
        return True  # it leads nowhere, and nowhere is not outside
