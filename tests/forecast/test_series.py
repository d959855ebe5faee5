"""Dated rows to regular series, and panels to arrays: calendars, holes, engines, errors."""

import datetime as dt
import itertools

import numpy as np
import pandas as pd
import pytest

from crmkit import forecast, periods
from crmkit.errors import ColumnError, CRMKitWarning, DataError, ParameterError
from crmkit.forecast import series
from crmkit.testing import assert_parity, to_engine

ORDERS = pd.DataFrame(
    {
        "region": ["N", "N", "S", None, "S", "N", "S"],
        "order_date": pd.to_datetime(
            [
                "2024-02-29 23:59",
                "2023-12-31 10:00",
                "2024-03-31 23:30",
                "2024-02-01 00:00",
                "2024-01-15 00:00",
                "2024-02-01 00:00",
                "2024-01-31 08:00",
            ]
        ),
        "amount": [10, 5, 7, 3, -2, 4, 6],
    }
)


def brute_force(rows, by, period, until, value="amount"):
    """Add up in plain Python, calendar by calendar, over starts that pandas makes."""
    frequency = {"day": "D", "week": "W-MON", "month": "MS", "quarter": "QS", "year": "YS"}[period]
    starts = pd.date_range("2022-12-26", until + pd.Timedelta(days=400), freq=frequency)
    cells = []
    groups = [((), rows)] if not by else [((k,), g) for k, g in rows.groupby(by, dropna=False)]
    for key, group in groups:
        listed = list(zip(group["order_date"], group[value], strict=True))
        for start, end in itertools.pairwise(starts):
            inside = [amount for date, amount in listed if start <= date < end]
            if end > group["order_date"].min() and end <= until + pd.Timedelta(days=1):
                cells.append((*key, start, float(sum(inside)), len(inside)))
    return pd.DataFrame(cells, columns=[*([by] if by else []), "period", "value", "n"])


@pytest.mark.parametrize("by", [None, "region"])
@pytest.mark.parametrize("period", ["month", "week"])
def test_sums_on_every_engine(by, period):
    keys = ["region", "period"] if by else ["period"]
    assert_parity(
        lambda frame: forecast.to_series(frame, as_of="2024-03-31", period=period, by=by),
        ORDERS,
        expected=brute_force(ORDERS, by, period, pd.Timestamp("2024-03-31")),
        keys=keys,
        crossing=2,
    )


@pytest.mark.parametrize("period", ["day", "quarter"])
def test_other_calendars(period):
    got = forecast.to_series(ORDERS, as_of="2024-03-31", period=period, by="region")
    expected = brute_force(ORDERS, "region", period, pd.Timestamp("2024-03-31"))
    assert got.fillna("?").values.tolist() == expected.fillna("?").values.tolist()


def test_years_before_the_year_is_over():
    with pytest.warns(CRMKitWarning, match="6 rows of the year from 2024-01-01 are left out"):
        got = forecast.to_series(ORDERS, as_of="2024-03-31", period="year")
    assert got.values.tolist() == [[pd.Timestamp("2023-01-01"), 5.0, 1]]


def test_incomplete_month_is_left_out_and_said():
    with pytest.warns(CRMKitWarning, match="1 rows of the month from 2024-03-01 are left out"):
        got = forecast.to_series(
            ORDERS.assign(order_date=ORDERS["order_date"].clip(upper="2024-03-30")),
            as_of=dt.date(2024, 3, 30),
        )
    assert got["period"].max() == pd.Timestamp("2024-02-01")


def test_nothing_is_complete_yet():
    rows = ORDERS[ORDERS["order_date"] >= "2024-03-01"]
    with pytest.warns(CRMKitWarning):
        got = (
            forecast.to_series(rows, as_of="2024-03-31", period="quarter").shape,
            forecast.to_series(rows, as_of="2024-03-31", period="year").shape,
        )
    assert got == ((1, 3), (0, 3))


def test_silent_end_is_filled_with_zeros():
    got = forecast.to_series(ORDERS, as_of="2024-06-02")
    assert got["value"].tolist() == [5, 4, 17, 7, 0, 0]
    assert got["n"].tolist() == [1, 2, 3, 1, 0, 0]


def test_counting_rows_and_other_names():
    rows = ORDERS.rename(columns={"order_date": "opened"}).drop(columns="amount")
    got = forecast.to_series(rows, as_of="2024-03-31", value=None, date="opened")
    assert got["value"].tolist() == [1, 2, 3, 1]


def test_total_is_kept():
    got = forecast.to_series(ORDERS, as_of="2024-03-31", by="region", period="week")
    assert got["value"].sum() == ORDERS["amount"].sum()
    assert got["n"].sum() == len(ORDERS)


def test_empty_table():
    got = forecast.to_series(ORDERS.iloc[:0], as_of="2024-03-31", by="region")
    assert list(got.columns) == ["region", "period", "value", "n"]
    assert len(got) == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"amount": [1.0, np.nan, 1, 1, np.nan, 1, 1]}, "2 of 7 rows have no value in 'amount'"),
        ({"order_date": [pd.NaT] + [pd.Timestamp("2024-01-01")] * 6}, "1 of 7 rows have no date"),
        ({"order_date": [pd.Timestamp("2024-04-01")] * 7}, "7 of 7 rows are dated after as_of, 2024-03-31"),
    ],
)
def test_bad_rows(change, message):
    with pytest.raises(DataError, match=message):
        forecast.to_series(ORDERS.assign(**change), as_of="2024-03-31")


def test_bad_arguments():
    with pytest.raises(ColumnError, match="'amount'"):
        forecast.to_series(ORDERS.drop(columns="amount"), as_of="2024-03-31")
    with pytest.raises(ParameterError, match="`period` must be one of"):
        forecast.to_series(ORDERS, as_of="2024-03-31", period="fortnight")
    with pytest.raises(ParameterError, match="`as_of`"):
        forecast.to_series(ORDERS, as_of=None)
    with pytest.raises(ParameterError, match="`by` must be columns other than"):
        forecast.to_series(ORDERS, as_of="2024-03-31", by="period")


def panel(starts, sizes, frequency):
    """Make series of the numbers 1, 2, 3 … from given dates on."""
    parts = [
        pd.DataFrame(
            {
                "series_id": name,
                "period": pd.date_range(start, periods=size, freq=frequency),
                "value": np.arange(1.0, size + 1),
            }
        )
        for name, start, size in zip("abcdefgh", starts, sizes, strict=False)
    ]
    return pd.concat(parts, ignore_index=True)


def test_series_are_aligned_at_their_ends():
    frame = panel(["2024-01-01", "2023-06-01"], [3, 2], "MS").sample(frac=1, random_state=3)
    got = series.read(frame, by=None, period=None)
    assert got.keys["series_id"].tolist() == ["a", "b"]
    np.testing.assert_array_equal(got.values, [[1, 2, 3], [np.nan, 1, 2]])
    assert got.n.tolist() == [3, 2]
    local = got.rows(np.array([0, 1]), {})
    assert local["period"].dt.strftime("%Y-%m").tolist() == ["2024-03", "2024-04", "2023-07", "2023-08"]


@pytest.mark.parametrize(
    ("frequency", "period"),
    [
        ("D", "day"),
        ("W-MON", "week"),
        ("W-SUN", "week"),
        ("MS", "month"),
        ("ME", "month"),
        ("QS", "quarter"),
        ("YE", "year"),
    ],
)
def test_calendar_is_found(frequency, period):
    frame = panel(["2023-12-31", "2024-02-29"], [5, 1], frequency)
    got = series.read(frame, by=None, period=None)
    assert got.period == period
    start = {"day": "D", "week": "W-SUN", "month": "M", "quarter": "Q", "year": "Y"}[period]
    last = frame["period"].iloc[4].to_period(start)
    assert got.rows(np.array([1]), {})["period"].iloc[0] == (last + 1).start_time


def test_calendar_is_not_found():
    with pytest.raises(ParameterError, match="`period` must be given"):
        series.read(panel(["2024-01-01"], [1], "MS"), by=None, period=None)
    with pytest.raises(ParameterError, match="`period` must be given"):
        series.read(panel(["2024-01-01"], [4], "MS").drop(index=1), by=None, period=None)
    assert series.read(panel(["2024-01-01"], [1], "MS"), by=None, period="month").n.tolist() == [1]


def test_irregular_panels():
    frame = panel(["2024-01-01", "2024-01-01"], [4, 4], "MS")
    with pytest.raises(DataError, match="1 of 7 rows come after a gap, a month or more .* 2024-03-01"):
        series.read(frame.drop(index=1), by=None, period="month")
    for period in ("month", None):
        with pytest.raises(DataError, match="4 of 8 rows share their .* Name the series with `by`"):
            series.read(frame, by=[], period=period)
    holes = frame.assign(value=[1, np.nan, 2, np.inf, 1, 1, 1, 1])
    with pytest.raises(DataError, match="1 of 8 rows have no value; 1 of 8 rows have an infinite value"):
        series.read(holes, by=None, period="month")
    with pytest.raises(DataError, match="1 of 8 rows have no period"):
        series.read(frame.assign(period=frame["period"].mask(frame.index == 0)), by=None, period="month")
    with pytest.raises(ParameterError, match="`period` must be one of"):
        series.read(frame, by=None, period="hour")


@pytest.mark.parametrize("period", periods.PERIODS)
def test_numbers_of_periods_follow_the_calendar(period):
    days = [dt.datetime(1899, 12, 25) + dt.timedelta(days=97 * k, hours=k % 24) for k in range(700)]
    numbers = periods.numbers(np.array(days, dtype="datetime64[us]"), period)
    assert periods.starts(numbers, period).tolist() == [periods.floor(day, period) for day in days]
    assert periods.starts(numbers + 5, period).tolist() == [
        periods.shift(periods.floor(day, period), period, 5) for day in days
    ]


def test_null_and_whole_number_keys_keep_their_type():
    frame = panel(["2024-01-01", "2024-01-01"], [3, 3], "MS").rename(columns={"series_id": "shop"})
    frame["shop"] = frame["shop"].map({"a": 7, "b": None}).astype("Int64")
    result = forecast.moving_average(to_engine(frame, "polars"), window=2, by="shop")
    assert result.select("shop", "forecast").rows() == [(7, 2.5), (None, 2.5)]
    assert str(result.schema["shop"]) == "Int64"
