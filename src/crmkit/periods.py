"""Days, weeks, months, quarters, years: the only place where units of time convert.

A *period* is a calendar interval named by its first day ("week" starts on Monday). A *unit* is a length
of time measured in days, unrounded: a week has 7, a year 365.25, a month a twelfth of a year.
"""

import datetime as dt
import math
from typing import TYPE_CHECKING

from crmkit import _params

if TYPE_CHECKING:
    import narwhals as nw
    import numpy as np
    import numpy.typing as npt

PERIODS = ("day", "week", "month", "quarter", "year")
DAYS_PER_YEAR = 365.25
DAYS = {
    "day": 1.0,
    "week": 7.0,
    "month": DAYS_PER_YEAR / 12,
    "quarter": DAYS_PER_YEAR / 4,
    "year": DAYS_PER_YEAR,
}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_TRUNCATE = {"day": "1d", "month": "1mo", "quarter": "1q", "year": "1y"}
_EPOCH = dt.datetime(1970, 1, 1)


def days_in(unit: str) -> float:
    """Return the length of a unit in days.

    Parameters
    ----------
    unit : {"day", "week", "month", "quarter", "year"}
        The unit of time.

    Returns
    -------
    float
        Days in the unit; a month is 365.25 / 12 days.

    Raises
    ------
    ParameterError
        If the unit is not one of the five.

    Examples
    --------
    >>> days_in("week")
    7.0
    """
    return DAYS[_params.choice("unit", unit, PERIODS)]


def continuous_rate(annual_rate: float, *, unit: str) -> float:
    """Convert an annual discount rate to a continuously compounded rate per unit.

    Parameters
    ----------
    annual_rate : float
        Effective rate a year, above -1 (0.15 is 15 % a year).
    unit : {"day", "week", "month", "quarter", "year"}
        The unit of time of the result.

    Returns
    -------
    float
        δ = ln(1 + i) · days in the unit / 365.25.

    Raises
    ------
    ParameterError
        If the rate is not above -1 or the unit is unknown.

    Notes
    -----
    Dividing the annual rate by 52 instead overstates the discount, because the weekly rates compound.

    References
    ----------
    Fader, P. S., Hardie, B. G. S. and Lee, K. L. (2005). RFM and CLV: using iso-value curves for customer
    base analysis. Journal of Marketing Research 42(4), section "Computing DET".

    Examples
    --------
    >>> round(continuous_rate(0.15, unit="week"), 6)
    0.002679
    """
    rate = _params.number("annual_rate", annual_rate, low=-1, open_low=True)
    return math.log1p(rate) * days_in(unit) / DAYS_PER_YEAR


def floor(date: dt.datetime, period: str) -> dt.datetime:
    """Return the first moment of the period that a date falls in.

    Parameters
    ----------
    date : datetime.datetime
        A naive date.
    period : {"day", "week", "month", "quarter", "year"}
        The calendar period; weeks start on Monday.

    Returns
    -------
    datetime.datetime
        Midnight at the start of the period.

    Raises
    ------
    ParameterError
        If the period is not one of the five.

    Examples
    --------
    >>> import datetime
    >>> floor(datetime.datetime(2024, 8, 15), "quarter")
    datetime.datetime(2024, 7, 1, 0, 0)
    """
    _params.choice("period", period, PERIODS)
    day = dt.datetime(date.year, date.month, date.day)
    if period == "day":
        return day
    if period == "week":
        return day - dt.timedelta(days=day.weekday())
    months = _MONTHS[period]
    return day.replace(day=1, month=(day.month - 1) // months * months + 1)


def shift(start: dt.datetime, period: str, count: int) -> dt.datetime:
    """Move the start of a period by a number of periods.

    Parameters
    ----------
    start : datetime.datetime
        The first day of a period, as `floor` returns it.
    period : {"day", "week", "month", "quarter", "year"}
        The calendar period.
    count : int
        How many periods, forwards or (negative) backwards.

    Returns
    -------
    datetime.datetime
        The first day of the period reached.

    Raises
    ------
    ParameterError
        If the period is not one of the five.

    Examples
    --------
    >>> import datetime
    >>> shift(datetime.datetime(2024, 11, 1), "month", 3)
    datetime.datetime(2025, 2, 1, 0, 0)
    """
    _params.choice("period", period, PERIODS)
    if period in ("day", "week"):
        return start + dt.timedelta(days=count * (7 if period == "week" else 1))
    months = start.year * 12 + start.month - 1 + count * _MONTHS[period]
    return start.replace(year=months // 12, month=months % 12 + 1)


def between(first: dt.datetime, last: dt.datetime, period: str) -> list[dt.datetime]:
    """List the starts of all periods from the one of `first` to the one of `last`.

    Parameters
    ----------
    first, last : datetime.datetime
        Any two dates; no period is listed when `last` is before `first`.
    period : {"day", "week", "month", "quarter", "year"}
        The calendar period.

    Returns
    -------
    list of datetime.datetime
        The starts, in order.

    Raises
    ------
    ParameterError
        If the period is not one of the five.

    Examples
    --------
    >>> import datetime
    >>> len(between(datetime.datetime(2023, 12, 31), datetime.datetime(2024, 2, 1), "month"))
    3
    """
    start, end, starts = floor(first, period), floor(last, period), []
    while start <= end:
        starts.append(start)
        start = shift(start, period, 1)
    return starts


def day_number(date: "nw.Expr") -> "nw.Expr":
    """Return the days from 1970-01-01 to the day of a date, as an expression that every engine knows.

    Parameters
    ----------
    date : narwhals.Expr
        A naive datetime expression.

    Returns
    -------
    narwhals.Expr
        Whole days; null where the date is null.

    Notes
    -----
    Engines disagree on the difference of two dates; year and day of the year exist in all of them.

    Examples
    --------
    >>> import datetime, narwhals as nw, pandas as pd
    >>> frame = nw.from_native(pd.DataFrame({"d": [datetime.datetime(1970, 1, 31)]}))
    >>> int(frame.select(day_number(nw.col("d")))["d"][0])
    30
    """
    y = date.dt.year() - 1
    # Not `//`: its SQL repeats the operands, and nested in a week it would make a page of them.
    leaps = (y / 4).floor() - (y / 100).floor() + (y / 400).floor()
    return y * 365 + leaps + date.dt.ordinal_day() - _EPOCH.toordinal()


def period_start(date: "nw.Expr", period: str) -> "nw.Expr":
    """Return the first day of each date's period, as an expression that every engine knows.

    Parameters
    ----------
    date : narwhals.Expr
        A naive datetime expression.
    period : {"day", "week", "month", "quarter", "year"}
        The calendar period; weeks start on Monday.

    Returns
    -------
    narwhals.Expr
        Midnight at the start of the period; null where the date is null.

    Raises
    ------
    ParameterError
        If the period is not one of the five.

    Examples
    --------
    >>> import datetime, narwhals as nw, pandas as pd
    >>> frame = nw.from_native(pd.DataFrame({"d": [datetime.datetime(2024, 8, 15)]}))
    >>> frame.select(period_start(nw.col("d"), "week"))["d"][0].strftime("%A %d %B %Y")
    'Monday 12 August 2024'
    """
    import narwhals as nw

    _params.choice("period", period, PERIODS)
    whole = nw.Datetime("us")  # some engines truncate to a date, some to a zoned timestamp
    start = date.dt.truncate(_TRUNCATE.get(period, "1d")).cast(whole)
    if period != "week":
        return start
    monday = start
    since_monday = day_number(date) + 3
    since_monday = since_monday - (since_monday / 7).floor() * 7
    for days in range(1, 7):
        monday = nw.when(since_monday == days).then(start.dt.offset_by(f"-{days}d")).otherwise(monday)
    return monday.cast(whole)


def numbers(dates: "npt.NDArray[np.datetime64]", period: str) -> "npt.NDArray[np.int64]":
    """Give the period of each date a number, consecutive ones to consecutive periods.

    Parameters
    ----------
    dates : numpy.ndarray of datetime64
        Any dates; none may be NaT.
    period : {"day", "week", "month", "quarter", "year"}
        The calendar period; weeks start on Monday.

    Returns
    -------
    numpy.ndarray of int64
        Whole numbers, 0 for the period of 1970-01-01.

    Raises
    ------
    ParameterError
        If the period is not one of the five.

    Examples
    --------
    >>> import numpy as np
    >>> numbers(np.array(["2024-12-31", "2025-01-01"], dtype="datetime64[D]"), "quarter")
    array([219, 220])
    """
    _params.choice("period", period, PERIODS)
    if period in ("day", "week"):
        days = dates.astype("datetime64[D]").astype("int64")
        return days if period == "day" else (days + 3) // 7
    return dates.astype("datetime64[M]").astype("int64") // _MONTHS[period]


def starts(numbered: "npt.NDArray[np.int64]", period: str) -> "npt.NDArray[np.datetime64]":
    """Return the first day of numbered periods, the inverse of `numbers`.

    Parameters
    ----------
    numbered : numpy.ndarray of int64
        Numbers of periods, as `numbers` gives them.
    period : {"day", "week", "month", "quarter", "year"}
        The calendar period.

    Returns
    -------
    numpy.ndarray of datetime64[us]
        Midnight at the start of each period.

    Raises
    ------
    ParameterError
        If the period is not one of the five.

    Examples
    --------
    >>> import numpy as np
    >>> str(starts(np.array([220]), "quarter")[0])
    '2025-01-01T00:00:00.000000'
    """
    _params.choice("period", period, PERIODS)
    if period in ("day", "week"):
        days = numbered if period == "day" else numbered * 7 - 3
        return days.astype("datetime64[D]").astype("datetime64[us]")
    return (numbered * _MONTHS[period]).astype("datetime64[M]").astype("datetime64[us]")
