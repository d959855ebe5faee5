"""Load a folder of CSV and Parquet files as checked tables, or say everything that is wrong with them."""

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crmkit.errors import DataError
from crmkit.report.files import UnreadableError, read_file
from crmkit.report.settings import SUFFIXES, Settings, TableSettings, read_settings
from crmkit.report.values import typed
from crmkit.tables import CONTRACTS, Problem, problems as contract_problems

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, eq=False)
class Folder:
    """What a folder holds.

    Parameters
    ----------
    tables : mapping
        Name → table with canonical columns, of the files that could be read.
    page : mapping
        The keys of ``[report]`` in ``crmkit.toml``.
    problems : tuple of Problem
        Everything wrong with the files.
    unused : tuple of str
        CSV and Parquet files that are no table of crmkit's, each with the nearest name when there is one.

    Examples
    --------
    >>> Folder({}, {}, (), ("order.csv (did you mean orders?)",)).unused[0]
    'order.csv (did you mean orders?)'
    """

    tables: "Mapping[str, pd.DataFrame]"
    page: Mapping[str, Any]
    problems: tuple[Problem, ...]
    unused: tuple[str, ...]


def read_folder(folder: str | Path) -> Folder:
    r"""Read every table of a folder, and collect the problems instead of stopping at the first.

    Parameters
    ----------
    folder : str or Path
        A folder with files named by table (``orders.csv``, ``leads.parquet``), and perhaps ``crmkit.toml``.

    Returns
    -------
    Folder
        Tables, settings of the page, problems, unused files.

    Raises
    ------
    DataError
        If the folder does not exist.
    ImportError
        If there is a Parquet file and pyarrow is not installed.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> _ = Path(folder, "customers.csv").write_text("customer_id,region\n007,North\n")
    >>> read_folder(folder).tables["customers"]
      customer_id region
    0         007  North
    """
    home = Path(folder)
    if not home.is_dir():
        msg = f"`folder` must be an existing folder. Got {str(folder)!r} instead."
        raise DataError(msg)
    settings = read_settings(home)
    if settings.problems:
        return Folder({}, {}, settings.problems, ())
    tables: dict[str, pd.DataFrame] = {}
    found: list[Problem] = []
    used: set[str] = set()
    for name in CONTRACTS:
        files = _files(home, name, settings)
        used.update(files)
        if len(files) > 1:
            found.append(Problem(name, "*", 0, f"has two files, {' and '.join(files)}: remove one of them"))
        elif files:
            table, wrong = _read_table(home, files[0], name, settings.table(name))
            found += wrong
            if table is not None:
                tables[name] = table
    unused = _unused(home, used)
    if not used:
        remedy = "Say in crmkit.toml which table a file holds, as in [orders] file = 'sales.csv'."
        hint = f" Found: {', '.join(unused)}. {remedy}" if unused else ""
        found.append(Problem("folder", "*", 0, f"holds no table, such as orders.csv or leads.parquet.{hint}"))
    return Folder(tables, settings.page, tuple(found), unused)


def load_folder(folder: str | Path) -> "dict[str, pd.DataFrame]":
    r"""Load the tables of a folder.

    Parameters
    ----------
    folder : str or Path
        A folder with files named by table (``orders.csv``, ``leads.parquet``), and perhaps ``crmkit.toml``.

    Returns
    -------
    dict of str to pandas.DataFrame
        Name → table with canonical columns; keys and labels are text, dates naive.

    Raises
    ------
    DataError
        If anything is wrong with the folder; the message lists every problem.
    ImportError
        If there is a Parquet file and pyarrow is not installed.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> _ = Path(folder, "orders.csv").write_text("customer_id,order_date,amount\n7,2024-13-31,9\n")
    >>> load_folder(folder)
    Traceback (most recent call last):
    ...
    crmkit.errors.DataError: orders.order_date: 1 row of 1 without a date that can be read (expected as
    2024-12-31), for example '2024-13-31'
    """
    read = read_folder(folder)
    refuse(read.problems)
    return dict(read.tables)


def refuse(found: tuple[Problem, ...]) -> None:
    """Raise a DataError that lists the problems, if there are any."""
    if found:
        raise DataError("\n".join(map(str, found)))


def check_folder(folder: str | Path) -> list[Problem]:
    """List everything that is wrong with the tables of a folder.

    Parameters
    ----------
    folder : str or Path
        A folder with files named by table.

    Returns
    -------
    list of Problem
        Each with table, column, how many rows and up to three examples; empty when all is right.

    Raises
    ------
    DataError
        If the folder does not exist.
    ImportError
        If there is a Parquet file and pyarrow is not installed.

    Examples
    --------
    >>> import tempfile
    >>> [str(one) for one in check_folder(tempfile.mkdtemp())]
    ['folder.*: holds no table, such as orders.csv or leads.parquet.']
    """
    return list(read_folder(folder).problems)


def _files(home: Path, name: str, settings: Settings) -> list[str]:
    file = settings.table(name).file
    if file is not None:
        return [file]
    return [name + suffix for suffix in SUFFIXES if os.path.lexists(home / (name + suffix))]


def _unused(home: Path, used: set[str]) -> tuple[str, ...]:
    names = sorted(one.name for one in home.iterdir() if one.suffix.lower() in SUFFIXES)
    hints = []
    for name in names:
        if name not in used:
            near = difflib.get_close_matches(Path(name).stem.lower(), CONTRACTS, n=1, cutoff=0.75)
            hints.append(name + (f" (did you mean {near[0]}{Path(name).suffix.lower()}?)" if near else ""))
    return tuple(hints)


def _read_table(
    home: Path, file: str, name: str, settings: TableSettings
) -> "tuple[pd.DataFrame | None, list[Problem]]":
    try:
        raw = read_file(home, file, settings)
    except UnreadableError as error:
        return None, [Problem(name, "*", 0, str(error))]
    absent = [one for one in settings.ignore if one not in raw.columns]
    if absent:
        return None, [Problem(name, one, 0, f"is ignored but not there. {_present(raw)}") for one in absent]
    frame, found = _rename(raw.drop(columns=list(settings.ignore)), name, settings)
    found += [
        Problem(name, one, 0, f"is missing{_nearest(one, frame)}. {_present(frame)}")
        for one in CONTRACTS[name].required()
        if one not in frame.columns and one not in settings.columns
    ]
    if found:
        return None, found
    frame, found = typed(frame, CONTRACTS[name], settings)
    unread = {one.column for one in found}
    rules = contract_problems(frame, CONTRACTS[name])
    # a value that could not be read is null now: it is one problem, not two
    new = [one for one in rules if one.column not in unread or not one.what.startswith("without")]
    return frame, found + new


def _rename(
    frame: "pd.DataFrame", name: str, settings: TableSettings
) -> "tuple[pd.DataFrame, list[Problem]]":
    """Give the columns their canonical names, or say which cannot be given."""
    found = []
    for canonical, foreign in settings.columns.items():
        if foreign not in frame.columns:
            what = f"is mapped to '{foreign}'{_nearest(foreign, frame)}. {_present(frame)}"
            found.append(Problem(name, canonical, 0, what))
        elif canonical in frame.columns and canonical not in settings.columns.values():
            found.append(Problem(name, canonical, 0, f"is mapped to '{foreign}' and in the file itself"))
    sources = list(settings.columns.values())
    repeated = sorted({one for one in sources if sources.count(one) > 1})
    found += [Problem(name, one, 0, "is mapped to more than one column") for one in repeated]
    return frame.rename(columns={foreign: own for own, foreign in settings.columns.items()}), found


def _nearest(wanted: str, frame: "pd.DataFrame") -> str:
    """Ask for the column whose name is nearest, whatever its capitals and spaces."""
    names = {str(one).strip().lower(): str(one) for one in frame.columns}
    near = difflib.get_close_matches(wanted.strip().lower(), names, n=1, cutoff=0.5)
    return f" (did you mean '{names[near[0]]}'?)" if near else ""


def _present(frame: "pd.DataFrame") -> str:
    return f"The file has: {', '.join(map(str, frame.columns))}"
