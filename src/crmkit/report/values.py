"""Turn the text of a file into dates, numbers and flags, counting what cannot be read.

A value that cannot be read becomes null *and* a problem: with how many there are and the first three.
"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from crmkit.report.settings import TableSettings
from crmkit.tables import Column, Contract, Problem

if TYPE_CHECKING:
    import pandas as pd

NULLS = ("", "NA", "N/A", "NaN", "nan", "NULL", "null", "None", "<NA>", "NaT")
_FLAGS = {"true": True, "t": True, "yes": True, "y": True, "1": True}
_FLAGS |= {"false": False, "f": False, "no": False, "n": False, "0": False}
_NO_DAY = r"\s*(\d{1,4}|-.*)\s*"  # a year alone, or one before Christ: a number in the wrong column
_OFFSET = r":\d\d.*(?:Z|[+-]\d\d:?\d\d)\s*$"


def typed(
    frame: "pd.DataFrame", contract: Contract, settings: TableSettings
) -> "tuple[pd.DataFrame, list[Problem]]":
    """Give every column of a contract the type of its role.

    Parameters
    ----------
    frame : pandas.DataFrame
        A table with canonical names, its columns text (CSV) or typed (Parquet).
    contract : Contract
        What the columns are.
    settings : TableSettings
        How dates and numbers are written.

    Returns
    -------
    tuple
        A new table, and a problem for each column with values that could not be read.

    Notes
    -----
    Keys become text, so that the customer 7 of a Parquet file is the customer "7" of a CSV file. Columns
    outside the contract are left as they are.

    Examples
    --------
    >>> import pandas as pd
    >>> from crmkit.tables import CONTRACTS
    >>> raw = pd.DataFrame({"customer_id": ["007"], "order_date": ["2024-01-31"], "amount": ["12,50"]})
    >>> table, problems = typed(raw, CONTRACTS["orders"], TableSettings(decimal=","))
    >>> table.dtypes["amount"], problems
    (dtype('float64'), [])
    """
    columns, found = {}, []
    declared = {one.name: one for one in contract.columns}
    for name in frame.columns:
        column = frame[name]
        if name in declared:
            column, wrong = _READERS[declared[name].role](column, settings)
            found += [_problem(contract.name, declared[name], *one, len(frame)) for one in wrong]
        columns[name] = column
    return frame.assign(**columns), found


Wrong = list[tuple[str, "pd.Series[Any]"]]


def _problem(table: str, column: Column, what: str, values: "pd.Series[Any]", rows: int) -> Problem:
    examples = tuple(repr(str(one)) for one in values.head(3))
    return Problem(table, column.name, len(values), f"of {rows} {what}", examples)


def _is_text(column: "pd.Series[Any]") -> bool:
    import pandas as pd

    return isinstance(column.dtype, pd.StringDtype) or column.dtype == object


def _key(column: "pd.Series[Any]", _: TableSettings) -> "tuple[pd.Series[Any], Wrong]":
    """Keys and labels are text; a whole number has no decimals, also where nulls made it a float."""
    if column.dtype == object and (unfit := column.map(_is_unfit)).any():
        return column.where(~unfit), [("that are neither text nor a number", column[unfit])]
    if column.dtype.kind == "f" and (column.dropna() % 1 == 0).all():
        column = column.astype("Int64")
    return column.astype("str").where(column.notna()), []


def _is_unfit(value: object) -> bool:
    """Say whether a value cannot name anything: bytes, or a list, map or struct of a Parquet file."""
    return isinstance(value, bytes) or type(value).__hash__ is None


def _number(column: "pd.Series[Any]", settings: TableSettings) -> "tuple[pd.Series[Any], Wrong]":
    import pandas as pd

    if not _is_text(column):
        return column, []
    text = column.where(~column.isin(NULLS))
    is_text = text.map(lambda one: isinstance(one, str)) if column.dtype == object else text.notna()
    written = text.where(~is_text, _with_point(text.where(is_text), settings))
    number = pd.to_numeric(written, errors="coerce").astype("float64")
    return number, _unread(text, number, f"without a number that can be read ({_expected(settings)})")


def _with_point(text: "pd.Series[Any]", settings: TableSettings) -> "pd.Series[Any]":
    """Write numbers with a decimal point and without thousands; what is not in the form said becomes null."""
    mark, parts = re.escape(settings.decimal), settings.thousands
    if parts is None and settings.decimal == ".":
        return text
    written = text.astype("str").str.strip()
    if parts is not None:
        written = written.str.replace("[\u00a0\u202f]", " ", regex=True) if parts == " " else written
        form = rf"[+-]?\d{{1,3}}({re.escape(parts)}\d{{3}})+({mark}\d*)?"
        grouped = written.str.fullmatch(form)
        written = written.where(~grouped, written.str.replace(parts, "", regex=False))
    if settings.decimal != ".":  # 1.234 is one thousand and more to whoever writes decimals with a comma
        written = written.where(~written.str.contains(".", regex=False)).str.replace(",", ".", regex=False)
    return written


def _expected(settings: TableSettings) -> str:
    said = f"expected as 1{settings.thousands or ''}234{settings.decimal}5"
    return said if settings.thousands else f"{said}; set decimal and thousands in crmkit.toml"


def _flag(column: "pd.Series[Any]", _: TableSettings) -> "tuple[pd.Series[Any], Wrong]":
    if not _is_text(column):
        return column, []
    text = column.where(~column.isin(NULLS))
    flag = text.astype("str").str.strip().str.lower().map(_FLAGS).astype("boolean")
    return flag, _unread(text, flag, "neither true nor false")


def _date(column: "pd.Series[Any]", settings: TableSettings) -> "tuple[pd.Series[Any], Wrong]":
    import pandas as pd

    wrong: Wrong = []
    if _is_text(column):
        column, wrong = _read_dates(column.where(~column.isin(NULLS)), settings)
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        if settings.tz is None:
            return column.dt.tz_localize(None), [(_ZONE, column.dropna())]
        column = column.dt.tz_convert(settings.tz).dt.tz_localize(None)
    if column.dtype.kind == "M":
        column = column.astype("datetime64[us]")
    return column, wrong


_ZONE = "with a UTC offset: say the business time zone in crmkit.toml, tz = 'Europe/Helsinki'"


def _read_dates(text: "pd.Series[Any]", settings: TableSettings) -> "tuple[pd.Series[Any], Wrong]":
    import pandas as pd

    aware = text.astype("str").str.contains(_OFFSET, regex=True) & text.notna()
    if aware.any() and not aware[text.notna()].all():
        return _naive(text), [("without a UTC offset, while others have one", text[~aware].dropna())]
    form = settings.date_format or "ISO8601"
    whole = text if settings.date_format else text.where(~text.astype("str").str.fullmatch(_NO_DAY))
    date = pd.to_datetime(whole, format=form, errors="coerce", utc=bool(aware.any()))
    expected = settings.date_format or "2024-12-31"
    return date, _unread(text, date, f"without a date that can be read (expected as {expected})")


def _naive(text: "pd.Series[Any]") -> "pd.Series[Any]":
    import pandas as pd

    return pd.to_datetime(text, format="ISO8601", errors="coerce", utc=True).dt.tz_localize(None)


def _unread(text: "pd.Series[Any]", value: "pd.Series[Any]", what: str) -> Wrong:
    unread = text[text.notna() & value.isna()]
    return [(what, unread)] if len(unread) else []


_READERS: "dict[str, Callable[[pd.Series[Any], TableSettings], tuple[pd.Series[Any], Wrong]]]" = {
    "key": _key,
    "label": _key,
    "number": _number,
    "flag": _flag,
    "date": _date,
}
