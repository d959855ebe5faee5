"""Calendar and unit arithmetic against the standard library, day by day, on every engine."""

import datetime as dt
import math

import narwhals as nw
import numpy as np
import pandas as pd
import pytest

from crmkit import _frames, periods
from crmkit.errors import ParameterError
from crmkit.testing import assert_parity

PANDAS = {"day": "D", "week": "W-SUN", "month": "M", "quarter": "Q", "year": "Y"}


@pytest.mark.parametrize("period", periods.PERIODS)
def test_floor_agrees_with_pandas(period):
    for day in pd.date_range("1999-12-20", "2005-01-10", freq="11D"):
        expected = day.to_period(PANDAS[period]).start_time
        assert periods.floor(day.to_pydatetime() + dt.timedelta(hours=23), period) == expected


@pytest.mark.parametrize("period", periods.PERIODS)
def test_shift_agrees_with_pandas(period):
    start = periods.floor(dt.datetime(2023, 11, 15), period)
    for count in (-30, -1, 0, 1, 2, 14):
        expected = (pd.Timestamp(start).to_period(PANDAS[period]) + count).start_time
        assert periods.shift(start, period, count) == expected


def test_between_lists_every_period_once():
    months = periods.between(dt.datetime(2023, 11, 30, 23), dt.datetime(2024, 2, 1), "month")
    assert [one.strftime("%Y-%m-%d") for one in months] == [
        "2023-11-01",
        "2023-12-01",
        "2024-01-01",
        "2024-02-01",
    ]
    assert periods.between(dt.datetime(2024, 2, 1), dt.datetime(2024, 1, 31), "month") == []


def test_units():
    assert periods.days_in("year") == 365.25
    assert periods.days_in("month") * 12 == pytest.approx(365.25)
    with pytest.raises(ParameterError, match="`unit` must be one of 'day', 'week'"):
        periods.days_in("fortnight")


def test_continuous_rate_compounds_to_the_annual_rate():
    """Reference, section 11: a rate i a year is ln(1 + i) / (365.25 / 7) a week, never i / 52."""
    weekly = periods.continuous_rate(0.15, unit="week")
    assert weekly == pytest.approx(math.log(1.15) / (365.25 / 7), rel=1e-14)
    assert math.exp(weekly * 365.25 / 7) == pytest.approx(1.15)
    with pytest.raises(ParameterError, match="`annual_rate` must be a finite number above -1"):
        periods.continuous_rate(-1, unit="week")


DATES = pd.DataFrame(
    {
        "at": [
            *pd.to_datetime(
                [
                    "1969-12-31 12:00",
                    "1970-01-01 00:00",
                    "2000-02-29 23:59",
                    "1900-03-01 00:00",
                    "2023-01-01 05:00",
                    "2001-01-01 00:00",
                    "2101-01-01 00:00",
                ]
            ),
            *pd.date_range("2024-02-26", "2024-03-05", freq="1D"),
            *pd.date_range("2024-12-28 23:59:59", "2025-01-07", freq="1D"),
            pd.NaT,
        ]
    }
)


def _expected():
    day = DATES["at"].dt.normalize()
    columns = {"at": DATES["at"], "number": (day - pd.Timestamp("1970-01-01")).dt.days}
    for period, alias in PANDAS.items():
        columns[period] = DATES["at"].dt.to_period(alias).dt.start_time
    return pd.DataFrame(columns)


def test_expressions_agree_with_the_calendar_on_every_engine():
    def dated(frame):
        rows = _frames.scan(frame, {"at": "date"})
        starts = {period: periods.period_start(nw.col("at"), period) for period in periods.PERIODS}
        return _frames.give(rows.with_columns(number=periods.day_number(nw.col("at")), **starts), like=frame)

    assert_parity(dated, DATES, expected=_expected(), keys=["at"])


@pytest.mark.parametrize("period", periods.PERIODS)
def test_numbers_count_as_pandas_does_and_starts_are_their_inverse(period):
    days = pd.date_range("1965-01-01", "1975-12-31", freq="1D")
    counted = days.to_period(PANDAS[period])
    expected = [one.ordinal for one in counted - pd.Period("1970-01-01", PANDAS[period]).ordinal]
    found = periods.numbers(days.to_numpy() + np.timedelta64(23, "h"), period)
    assert found.tolist() == expected
    first = periods.starts(found, period)
    assert first.dtype == "datetime64[us]"
    assert (first == counted.start_time.to_numpy()).all()


def test_unknown_period():
    calls = [
        lambda: periods.period_start(nw.col("x"), "decade"),
        lambda: periods.floor(dt.datetime(2024, 1, 1), "decade"),
        lambda: periods.shift(dt.datetime(2024, 1, 1), "decade", 1),
        lambda: periods.numbers(np.array(["2024-01-01"], dtype="datetime64[D]"), "decade"),
        lambda: periods.starts(np.array([1]), "decade"),
    ]
    for call in calls:
        with pytest.raises(ParameterError, match="`period` must be one of"):
            call()
