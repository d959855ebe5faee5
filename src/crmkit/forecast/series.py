"""Turn dated rows into regular series, and series into the arrays that all forecast methods share.

A *panel* is a table in long form with one row a series and period: the columns of `by` (or ``series_id``)
name the series, ``period`` is a date in the period, ``value`` what happened. A panel is small, a cell for
each series and period, so methods collect it and work on all series at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import narwhals as nw

from crmkit import _frames, _joins, _params, periods
from crmkit.errors import CRMKitWarning, DataError, ParameterError

if TYPE_CHECKING:
    import datetime as dt

    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Floats = npt.NDArray[np.float64]

_LARGEST = 1.7e308
LONGEST = 10_000  # periods of a window or a horizon: 27 years of days
_LAST_YEAR = 9999  # the last that a date can have in every engine
_ROUNDING = 1e-12
RESERVED = (
    *("period", "value", "n", "step", "forecast", "lower", "upper", "method"),
    *("window", "mae", "chosen", "last", "alpha", "initial_level", "level", "sigma"),
)


def to_series(
    frame: _frames.FrameT,
    *,
    as_of: "str | dt.date",
    period: str = "month",
    by: str | Sequence[str] | None = None,
    value: str | None = "amount",
    date: str = "order_date",
) -> _frames.FrameT:
    """Add up dated rows to one regular series for each group, without holes.

    Parameters
    ----------
    frame : DataFrame
        One row an order, visit, case …
    as_of : str or date
        The last day that the rows cover, that day included.
    period : {"day", "week", "month", "quarter", "year"}, default "month"
        The calendar period; weeks start on Monday.
    by : str or list of str, optional
        Columns that name the series; None makes one series of all rows. A null is a group of its own.
    value : str, default "amount"
        Column that is added up; None counts the rows.
    date : str, default "order_date"
        Column of the dates.

    Returns
    -------
    DataFrame
        The columns of `by`, ``period`` (its first day), ``value`` (the sum, 0 where nothing happened) and
        ``n`` (rows added up), from the first period of each series to the last one that is complete.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    DataError
        If a date or a value is null, a value is infinite, or rows are dated after `as_of`.

    Warns
    -----
    CRMKitWarning
        If rows lie in the period of `as_of` and that period is not over: they are left out, because a part
        of a period looks like a fall in sales.

    Notes
    -----
    A table without rows gives a panel without rows. Two small queries tell Python the first and the last
    date; everything else is done by the engine.

    Examples
    --------
    >>> import pandas as pd
    >>> orders = pd.DataFrame({
    ...     "order_date": pd.to_datetime(["2024-01-05", "2024-01-20", "2024-03-02"]), "amount": [10, 5, 7]})
    >>> to_series(orders, as_of="2024-03-31")
          period  value  n
    0 2024-01-01   15.0  2
    1 2024-02-01    0.0  0
    2 2024-03-01    7.0  1
    """
    keys = names(by)
    _params.column("date", date)
    if value is not None:
        _params.column("value", value)
    until = _params.day("as_of", as_of)
    _params.choice("period", period, periods.PERIODS)
    roles = {**dict.fromkeys(keys, "key"), date: "date"} | ({value: "number"} if value else {})
    rows = _frames.scan(frame, roles)
    tomorrow = periods.shift(until, "day", 1)
    end = periods.shift(periods.floor(tomorrow, period), period, -1)
    first = _check(rows, date, value, tomorrow, period)
    amount = nw.col(value).cast(nw.Float64) if value else nw.lit(1.0)
    dated = rows.select(
        *keys, period=periods.period_start(nw.col(date), period), value=amount, n=nw.lit(1, nw.Int64)
    )
    dated = dated.filter(nw.col("period") <= _frames.moment(end, rows))
    if first is not None and first <= end:
        dated = nw.concat([dated, _zeros(dated, keys, periods.between(first, end, period))])
    cells = dated.group_by(*keys, "period").agg(nw.col("value").sum(), nw.col("n").sum())
    return _frames.give(cells, like=frame, sort=[*keys, "period"])


def names(by: str | Sequence[str] | None) -> list[str]:
    """Return the columns of `by`, none of which may bear the name of a result column."""
    keys = _params.names("by", by)
    if taken := [name for name in keys if name in RESERVED]:
        _params.fail("by", "columns other than those of the results, " + ", ".join(RESERVED), taken)
    return keys


def _check(
    rows: nw.LazyFrame[Any], date: str, value: str | None, tomorrow: "dt.datetime", period: str
) -> "dt.datetime | None":
    """Refuse bad rows, warn of an incomplete last period, and return the first date, None without rows."""
    import warnings

    at, after = nw.col(date), _frames.moment(tomorrow, rows)
    checks = {f"have no date in '{date}'": at.is_null()}
    if value:
        checks[f"have no value in '{value}'"] = nw.col(value).is_null()
        checks[f"have an infinite value in '{value}'"] = nw.col(value).cast(nw.Float64).abs() > _LARGEST
    checks[f"are dated after as_of, {periods.shift(tomorrow, 'day', -1):%Y-%m-%d}"] = at >= after
    if _frames.refuse(rows, checks, table="frame") == 0:
        return None
    current = periods.floor(tomorrow, period)
    flagged = rows.select(first=at, late=nw.when(at >= _frames.moment(current, rows)).then(1).otherwise(0))
    known = _frames.collect(flagged.select(nw.col("first").min(), nw.col("late").sum()))
    if late := int(known["late"].iloc[0]):
        text = f"{late} rows of the {period} from {current:%Y-%m-%d} are left out: as_of is before its end."
        warnings.warn(text, CRMKitWarning, stacklevel=3)
    return _params.date("first", known["first"].iloc[0])


def _zeros(dated: nw.LazyFrame[Any], keys: list[str], calendar: "list[dt.datetime]") -> nw.LazyFrame[Any]:
    """Make a row of 0 for each series and each period from its first one."""
    import pandas as pd

    local = pd.DataFrame({"_calendar": pd.Series(calendar, dtype="datetime64[us]")})
    starts = (
        dated.group_by(*keys).agg(nw.col("period").min()) if keys else dated.select(nw.col("period").min())
    )
    grid = starts.join(_joins.attach(local, to=starts), how="cross")
    grid = grid.filter(nw.col("_calendar") >= nw.col("period"))
    return grid.select(*keys, nw.col("_calendar").alias("period"), value=nw.lit(0.0), n=nw.lit(0, nw.Int64))


@dataclass(frozen=True, slots=True)
class Panel:
    """Regular series side by side, aligned at their last period: what every method works on."""

    keys: "pd.DataFrame"
    """One row a series, its columns of `by`."""
    values: "Floats"
    """Series × time, NaN before the first period of a series."""
    last: "npt.NDArray[np.int64]"
    """Number of the last period of each series."""
    period: str

    @property
    def n(self) -> "npt.NDArray[np.int64]":
        """Observations of each series."""
        import numpy as np

        counts: npt.NDArray[np.int64] = np.isfinite(self.values).sum(axis=1, dtype=np.int64)
        return counts

    def rows(self, ahead: "npt.NDArray[np.int64]", columns: dict[str, Any]) -> "pd.DataFrame":
        """Lay arrays of series × len(ahead) out in long form; `ahead` counts periods from the last one."""
        import numpy as np

        shape = (len(self.keys), len(ahead))
        local = self.keys.iloc[np.repeat(np.arange(shape[0]), shape[1])].reset_index(drop=True)
        local["period"] = periods.starts((self.last[:, None] + ahead).ravel(), self.period)
        for name, column in columns.items():
            local[name] = np.broadcast_to(column, shape).ravel()
        return local


def steps_ahead(horizon: int, panel: Panel) -> "npt.NDArray[np.int64]":
    """Return 1, 2, … up to a horizon that every engine has dates for."""
    import numpy as np

    h = _params.integer("horizon", horizon, low=1, high=LONGEST)
    ends = periods.starts(panel.last + h, panel.period)
    if (ends >= np.datetime64(f"{_LAST_YEAR + 1}")).any():
        _params.fail("horizon", f"a number of periods that end by the year {_LAST_YEAR}", horizon)
    return np.arange(1, h + 1)


def spread_or_none(spread: "Floats", size: "Floats") -> "Floats":
    """Return a standard error, NaN where it is 0 but for rounding.

    Errors that never were say nothing about those to come: such a series has no interval.
    """
    import numpy as np

    return np.where(spread > _ROUNDING * np.abs(size), spread, np.nan)


def read(panel: object, *, by: str | Sequence[str] | None, period: str | None, as_of: Any = None) -> Panel:
    """Collect a panel, check that it is regular and not dated after `as_of`, and align its series."""
    import numpy as np

    keys = names(by)
    if by is None and "series_id" in _frames.lazy(panel).collect_schema().names():
        keys = ["series_id"]
    rows = _frames.scan(panel, {**dict.fromkeys(keys, "key"), "period": "date", "value": "number"})
    local = _frames.collect(rows)
    values = local["value"].to_numpy(dtype=float, na_value=np.nan)
    dates = local["period"].to_numpy(dtype="datetime64[us]")
    _refuse_holes(values, dates)
    if as_of is not None:
        _refuse_late(dates, _params.day("as_of", as_of))
    series = np.zeros(len(local), dtype=np.int64)
    if keys:
        series = np.asarray(local.groupby(keys, dropna=False).ngroup(), dtype=np.int64)
    order = np.lexsort((dates, series))
    series, values, dates = series[order], values[order], dates[order]
    known = _calendar(series, dates) if period is None else _params.choice("period", period, periods.PERIODS)
    _refuse_doubles(series, dates, known)
    _refuse_gaps(series, dates, known)
    sizes = np.bincount(series)
    ends = np.cumsum(sizes)
    aligned = np.full((len(sizes), sizes.max(initial=1)), np.nan)
    aligned[series, aligned.shape[1] + np.arange(len(series)) - ends[series]] = values
    named = local[keys].iloc[order[ends - 1]].reset_index(drop=True)
    return Panel(named, aligned, periods.numbers(dates[ends - 1], known), known)


def _refuse_holes(values: "Floats", dates: "npt.NDArray[np.datetime64]") -> None:
    import numpy as np

    faults = {
        "have no period": int(np.isnat(dates).sum()),
        "have no value": int(np.isnan(values).sum()),
        "have an infinite value": int(np.isinf(values).sum()),
    }
    found = [f"{count} of {len(values)} rows {text}" for text, count in faults.items() if count]
    if found:
        msg = f"`panel`: {'; '.join(found)}. Fill them (0 where nothing happened) or leave the series out."
        raise DataError(msg)


def _refuse_late(dates: "npt.NDArray[np.datetime64]", as_of: "dt.datetime") -> None:
    import numpy as np

    late = int((dates >= np.datetime64(periods.shift(as_of, "day", 1), "us")).sum())
    if late:
        msg = (
            f"`panel`: {late} of {len(dates)} rows are dated after as_of, {as_of:%Y-%m-%d}. "
            "Leave them out, or choose a later as_of."
        )
        raise DataError(msg)


def _calendar(series: "npt.NDArray[np.int64]", dates: "npt.NDArray[np.datetime64]") -> str:
    """Find the calendar period in which every row follows the one before."""
    if len(series) == 0:
        return "month"
    _refuse_doubles(series, dates, "day")
    if (series[1:] == series[:-1]).any():
        for period in periods.PERIODS:
            if (_steps(series, dates, period) == 1).all():
                return period
    msg = (
        "`period` must be given: the rows do not follow each other day by day, nor by week, month, quarter "
        "or year. Fill gaps with to_series(…) first."
    )
    raise ParameterError(msg)


def _refuse_doubles(
    series: "npt.NDArray[np.int64]", dates: "npt.NDArray[np.datetime64]", period: str
) -> None:
    steps = _steps(series, dates, period)
    remedy = "Name the series with `by`, or add the rows up with to_series(…)."
    _refuse(steps == 0, dates, f"share their {period} with another row of their series", remedy)


def _refuse_gaps(series: "npt.NDArray[np.int64]", dates: "npt.NDArray[np.datetime64]", period: str) -> None:
    steps = _steps(series, dates, period)
    remedy = "Fill gaps with 0, as to_series(…) does."
    _refuse(steps > 1, dates, f"come after a gap, a {period} or more without a row", remedy)


def _steps(
    series: "npt.NDArray[np.int64]", dates: "npt.NDArray[np.datetime64]", period: str
) -> "npt.NDArray[np.int64]":
    """Count the periods from each row to the next one; 1 where the next one begins a series."""
    import numpy as np

    return np.where(series[1:] == series[:-1], np.diff(periods.numbers(dates, period)), 1)


def _refuse(
    wrong: "npt.NDArray[np.bool_]", dates: "npt.NDArray[np.datetime64]", fault: str, remedy: str
) -> None:
    import numpy as np

    if wrong.any():
        first = np.datetime_as_string(dates[1:][wrong][0], unit="D")
        msg = f"`panel`: {int(wrong.sum())} of {len(dates)} rows {fault}, the first one at {first}. {remedy}"
        raise DataError(msg)


def give(local: "pd.DataFrame", keys: Sequence[str], like: _frames.FrameT) -> _frames.FrameT:
    """Hand local results back as the kind of frame that the panel was, keys of the same type."""
    source = _frames.lazy(like)
    result = _joins.attach(local, to=source)
    if not source.implementation.is_pandas():
        kinds = {"f": nw.Float64, "i": nw.Int64, "b": nw.Boolean, "M": nw.Datetime("us")}
        dtypes: dict[str, Any] = {
            name: kinds.get(local[name].dtype.kind, nw.String) for name in map(str, local.columns)
        }
        if keys:
            typed = _frames.scan(like, dict.fromkeys(keys, "key")).collect_schema()
            dtypes |= {name: dtype for name, dtype in typed.items() if dtype != nw.Unknown}
        result = result.with_columns(*(nw.col(name).cast(dtype) for name, dtype in dtypes.items()))
    ordered = [name for name in ("period", "window", "step") if name in local]
    return _frames.give(result, like=like, sort=[*keys, *ordered])
