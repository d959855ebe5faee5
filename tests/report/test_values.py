"""Text to dates, numbers and flags, with what could not be read counted."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from crmkit.report.settings import TableSettings
from crmkit.report.values import typed
from crmkit.tables import Column, Contract

CONTRACT = Contract(
    "things",
    "One row a thing.",
    (
        Column("key", "key", "which"),
        Column("label", "label", "what"),
        Column("date", "date", "when"),
        Column("number", "number", "how much"),
        Column("flag", "flag", "whether"),
    ),
)


def read(name, values, **settings):
    frame = pd.DataFrame({name: values if isinstance(values, pd.Series) else pd.Series(values, dtype="str")})
    before = frame.copy(deep=True)
    table, found = typed(frame, CONTRACT, TableSettings(**settings))
    pd.testing.assert_frame_equal(frame, before)
    return table[name], [str(one) for one in found]


def test_unparsable_dates_are_counted_with_the_first_three():
    days, found = read("date", ["2024-01-31", "x", None, "y", "31.1.2024", "w"])
    assert found == [
        "things.date: 4 rows of 6 without a date that can be read (expected as 2024-12-31), "
        "for example 'x', 'y', '31.1.2024'"
    ]
    assert days[0] == pd.Timestamp("2024-01-31")
    assert days.isna().sum() == 5


def test_a_year_alone_is_no_date():
    """Taken for its first of January, a column of years mapped by mistake would pass."""
    dates, found = read("date", ["2024", "-2024-01-01", "2024-01", "20240131", "2024-01-31"])
    assert dates[:2].isna().all()
    assert dates[2:].dt.day.tolist() == [1, 31, 31]
    assert "2 rows of 5 without a date that can be read" in found[0]
    assert read("date", ["2024"], date_format="%Y")[0][0] == dt.datetime(2024, 1, 1)


def test_dates_and_times_of_day_may_be_mixed():
    days, found = read("date", ["2024-01-31", "2024-01-31 10:30", "2024-01-31T10:30:15.5", "NULL"])
    assert not found
    assert days.dtype == "datetime64[us]"
    assert days.dt.hour.tolist()[:3] == [0, 10, 10]
    assert pd.isna(days[3])


def test_a_date_format_is_used():
    days, found = read("date", ["31.1.2024", "2024-01-31"], date_format="%d.%m.%Y")
    assert days[0] == pd.Timestamp("2024-01-31")
    assert found == [
        "things.date: 1 row of 2 without a date that can be read (expected as %d.%m.%Y), "
        "for example '2024-01-31'"
    ]


def test_offsets_become_business_time():
    late = ["2024-03-31T23:30:00Z", "2024-03-31T23:30:00+03:00"]
    days, found = read("date", late, tz="Europe/Helsinki")
    assert not found
    assert days.tolist() == [pd.Timestamp("2024-04-01 02:30"), pd.Timestamp("2024-03-31 23:30")]


def test_offsets_without_a_business_time_zone_are_refused():
    _, found = read("date", ["2024-03-31T23:30:00Z"])
    assert found[0].startswith("things.date: 1 row of 1 with a UTC offset: say the business time zone")


def test_a_mixture_of_offsets_and_none_is_refused():
    _, found = read("date", ["2024-03-31T23:30:00Z", "2024-03-31"], tz="Europe/Helsinki")
    assert found == [
        "things.date: 1 row of 2 without a UTC offset, while others have one, for example '2024-03-31'"
    ]


def test_typed_dates_pass_through():
    aware = pd.Series(pd.to_datetime(["2024-03-31T23:30:00Z"]))
    assert read("date", aware, tz="Europe/Helsinki")[0][0] == pd.Timestamp("2024-04-01 02:30")
    assert read("date", pd.Series([dt.date(2024, 3, 31)]))[0][0] == pd.Timestamp("2024-03-31")
    assert read("date", pd.Series([7]))[0].dtype == "int64"  # the contract's check refuses it


def test_keys_keep_their_zeros_and_lose_decimals():
    assert read("key", ["007", "NA"])[0].tolist() == ["007", "NA"]
    assert read("key", pd.Series([7.0, None]))[0].tolist()[0] == "7"
    assert pd.isna(read("key", pd.Series([7.0, None]))[0][1])
    assert read("label", pd.Series([7.5]))[0].tolist() == ["7.5"]
    assert read("label", pd.Series(["b", "a"], dtype="category"))[0].tolist() == ["b", "a"]


def test_numbers():
    numbers, found = read("number", ["1.5", " -2 ", "1e3", "NaN", None, "1,000", "twelve"])
    assert numbers.tolist()[:3] == [1.5, -2.0, 1000.0]
    assert found == [
        "things.number: 2 rows of 7 without a number that can be read (expected as 1234.5; set decimal and "
        "thousands in crmkit.toml), for example '1,000', 'twelve'"
    ]
    assert read("number", ["1,5"], decimal=",")[0][0] == 1.5
    assert read("number", pd.Series([Decimal("1.10")], dtype=object))[0][0] == 1.1
    assert read("number", pd.Series([Decimal("1.10")], dtype=object), decimal=",")[0][0] == 1.1
    assert read("number", pd.Series([7]))[0].dtype == "int64"


def test_a_decimal_comma_does_not_read_thousands_as_decimals():
    """1.234 in a German file is one thousand two hundred and thirty-four, and never one and a quarter."""
    values = ["12,5", "1.234", "1.234,50", None]
    numbers, found = read("number", values, decimal=",")
    assert numbers.tolist()[0] == 12.5
    assert numbers[1:].isna().all()
    assert found == [
        "things.number: 2 rows of 4 without a number that can be read (expected as 1234,5; set decimal and "
        "thousands in crmkit.toml), for example '1.234', '1.234,50'"
    ]
    numbers, found = read("number", values, decimal=",", thousands=".")
    assert numbers.tolist()[:3] == [12.5, 1234.0, 1234.5]
    assert found == []


@pytest.mark.parametrize(
    ("thousands", "decimal", "right", "wrong"),
    [
        (",", ".", ["1,234", "-1,234,567.25", "12"], ["1,23", "1,2345", ",123", "1234,567"]),
        (" ", ",", ["1 234", "-1\u00a0234\u202f567,25", "12"], ["1 23", "1.5"]),
        ("'", ".", ["1'234", "-1'234'567.25", "12"], ["1''234"]),
    ],
)
def test_thousands(thousands, decimal, right, wrong):
    numbers, found = read("number", right + wrong, decimal=decimal, thousands=thousands)
    assert numbers.tolist()[:3] == [1234.0, -1234567.25, 12.0]
    assert numbers[3:].isna().all()
    assert f"{len(wrong)} row" in found[0]
    assert f"(expected as 1{thousands}234{decimal}5)" in found[0]


@pytest.mark.parametrize("value", [b"\xff", [1, 2], {"a": 1}, np.array([1])])
def test_keys_that_name_nothing(value):
    """Nested and binary columns of Parquet files: as text they would make customers of their own."""
    keys, found = read("key", pd.Series(["a", value, None], dtype=object))
    assert keys[0] == "a"
    assert keys[1:].isna().all()
    assert found[0].startswith("things.key: 1 row of 3 that are neither text nor a number, for example ")


def test_flags():
    flags, found = read("flag", ["true", "No", "1", None, "maybe"])
    assert flags.tolist()[:3] == [True, False, True]
    assert found == ["things.flag: 1 row of 5 neither true nor false, for example 'maybe'"]
    assert read("flag", pd.Series([True]))[0].dtype == bool


def test_columns_outside_the_contract_stay():
    assert read("other", ["1"])[0].tolist() == ["1"]


@pytest.mark.parametrize("name", ["key", "label", "date", "number", "flag"])
def test_a_column_without_any_value(name):
    column, found = read(name, [None, None])
    assert column.isna().all()
    assert not found
