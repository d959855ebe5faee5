"""Place dated rows in groups and periods, as of a date, and count what had to be left out.

The rule of every ratio and funnel: an event dated after `as_of` has not happened yet; a row belongs to the
cohort of the date it entered; a row without that date, not yet entered, or with an event on a day before
it entered, is excluded, and counted as such.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any, NoReturn, cast

import narwhals as nw

from crmkit import _frames, _native, _params, periods
from crmkit.errors import DataError
from crmkit.stats import _wilson
from crmkit.stats.intervals import normal_quantile

if TYPE_CHECKING:
    import pandas as pd

_DAY = 86_400_000_000  # microseconds


@dataclass(frozen=True, slots=True)
class Breakdown:
    """By which columns and periods a table is broken down, as of when."""

    as_of: dt.datetime
    by: list[str]
    period: str | None = None

    @property
    def keys(self) -> list[str]:
        """The columns that identify a row of the result."""
        return [*self.by, "period"] if self.period else self.by

    @property
    def end(self) -> dt.datetime:
        """The moment after `as_of`, which counts as a whole day."""
        return periods.shift(self.as_of, "day", 1)

    def passed(self, date: str, rows: nw.LazyFrame[Any]) -> nw.Expr:
        """Say whether a date is up to `as_of`."""
        return nw.col(date) < _frames.moment(self.end, rows)


def happened(*dates: str) -> nw.Expr:
    """Say of each row that was placed whether any of the events has happened by `as_of`."""
    return reduce(or_, (nw.col(f"_{date}") for date in dates))


def breakdown(
    as_of: Any, by: str | Sequence[str] | None, period: str | None = None, *, adds: Sequence[str]
) -> Breakdown:
    """Check the arguments that every ratio has; `adds` are the columns of its result."""
    columns = _params.names("by", by)
    if set(columns) & {"period", *adds}:
        taken = ", ".join(dict.fromkeys(["period", *adds]))
        _params.fail("by", f"columns that the result does not add itself ({taken})", by)
    if any(name.startswith("_") for name in columns):  # names of marks and counts on the way
        _params.fail("by", "columns whose names do not begin with an underscore: rename them", by)
    if period is not None:
        _params.choice("period", period, periods.PERIODS)
    return Breakdown(_params.day("as_of", as_of), columns, period)


def place(
    frame: object, cut: Breakdown, dates: Sequence[str], *, table: str, optional: Iterable[str] = ()
) -> nw.LazyFrame[Any]:
    """Open a table, mark which of its events have happened and, with `_placed`, the rows that count.

    The first of `dates` is the one at which a row enters. Marks may be null, which is not true.
    """
    roles = {**dict.fromkeys(cut.by, "label"), **dict.fromkeys(dates, "date")}
    rows = _frames.scan(frame, roles, table=table, optional=optional)
    present = set(rows.collect_schema().names())
    entered, *events = [date for date in dates if date in present]
    if rows.implementation.is_pandas():
        return _marked(rows, cut, entered, events)
    marks = {f"_{date}": cut.passed(date, rows) for date in (entered, *events)}
    midnight = _midnight(entered)
    rows = rows.with_columns(**marks, **{midnight: nw.col(entered).dt.truncate("1d")})
    early = reduce(or_, (nw.col(event) < nw.col(midnight) for event in events))
    return rows.with_columns(_placed=happened(entered) & ~early.fill_null(False))


def _marked(rows: nw.LazyFrame[Any], cut: Breakdown, entered: str, events: list[str]) -> nw.LazyFrame[Any]:
    """Mark the rows of a pandas frame in numpy, which compares dates in a fraction of pandas' time."""
    import numpy as np

    native = cast("pd.DataFrame", rows.collect().to_native()).copy(deep=False)
    dates = {name: native[name].to_numpy("datetime64[us]") for name in (entered, *events)}
    midnight = (dates[entered].view(np.int64) // _DAY * _DAY).view("datetime64[us]")
    midnight[np.isnat(dates[entered])] = np.datetime64("NaT")
    marks = {name: moments < np.datetime64(cut.end, "us") for name, moments in dates.items()}
    native["_placed"] = marks[entered] & ~reduce(or_, (dates[event] < midnight for event in events))
    native[_midnight(entered)] = midnight
    for name, mark in marks.items():
        native[f"_{name}"] = mark
    return nw.from_native(native).lazy()


def _midnight(date: str) -> str:
    """Name the column that holds the day of a date."""
    return f"_midnight_{date}"


def count(
    rows: nw.LazyFrame[Any], cut: Breakdown, conditions: Mapping[str, nw.Expr], *, dated: str
) -> nw.LazyFrame[Any]:
    """Count the rows that meet each condition, by group and by the period of a date, with `_rows` in all."""
    if cut.period is None:
        return _native.count_flags(rows, cut.by, conditions)
    # By day first: cutting a few days into periods is cheap, a million rows is not.
    known = _midnight(dated) in rows.collect_schema().names()
    day = nw.col(_midnight(dated)) if known else nw.col(dated).dt.truncate("1d")
    rows = rows.with_columns(period=nw.when(happened(dated)).then(day))
    days = _native.count_flags(rows, cut.keys, conditions)
    return add_up([days.with_columns(period=periods.period_start(nw.col("period"), cut.period))], cut)


def add_up(parts: Sequence[nw.LazyFrame[Any]], cut: Breakdown) -> nw.LazyFrame[Any]:
    """Add up count tables with the same columns, group by group, also where one of them lacks a group."""
    counts = [name for name in parts[0].collect_schema().names() if name not in cut.keys]
    stacked = nw.concat([part.select(*cut.keys, *counts) for part in parts])
    return stacked.group_by(cut.keys).agg(*(nw.col(name).sum() for name in counts))


def require_rows(cells: nw.LazyFrame[Any], cut: Breakdown, *, table: str, entered: str) -> None:
    """Raise the DataError that says why no row of a table could be counted, from its counts."""
    totals = _frames.collect(cells.select(nw.col("_rows").sum(), nw.col("_placed").sum())).fillna(0)
    rows, placed = (int(totals[name].iloc[0]) for name in ("_rows", "_placed"))
    if not placed:
        refuse(rows, cut, table=table, entered=entered)


def refuse(rows: int, cut: Breakdown, *, table: str, entered: str) -> NoReturn:
    """Raise the DataError of a table none of whose rows can be counted."""
    why = f"Found {rows} rows, none of which can be counted" if rows else "Found no row at all"
    msg = (
        f"`{table}` must have rows with {entered} up to as_of {cut.as_of:%Y-%m-%d} and no event before it. "
        f"{why}: check as_of, the dates and the filter before."
    )
    raise DataError(msg)


def rate(
    cells: nw.LazyFrame[Any],
    numerator: str,
    denominator: str,
    *,
    confidence: float,
    names: tuple[str, str, str],
) -> nw.LazyFrame[Any]:
    """Add a ratio of two counts and its Wilson bounds; null without base, no bounds above one."""
    z, x, n = normal_quantile(confidence), nw.col("_x"), nw.col("_base")
    of, base = nw.col(numerator), nw.col(denominator)
    cells = cells.with_columns(_base=nw.when(base > 0).then(base), _x=nw.when(of <= base).then(of))
    cells = cells.with_columns(_shared=_wilson.term(x, n, z))
    ends = _wilson.expressions(x, n, nw.col("_shared"), z)
    return cells.with_columns(**dict(zip(names, (of / n, *ends), strict=True)))
