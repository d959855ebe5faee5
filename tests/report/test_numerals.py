"""Numbers as people read them, and as JSON holds them."""

import datetime as dt
import decimal
import json

import numpy as np
import pandas as pd
import pytest

from crmkit.report import numerals as say


def plainly(text):
    return text.replace("\u202f", " ").replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("value", "text"),
    [(1234567, "1 234 567"), (-1234.5, "−1 234"), (0, "0"), (None, "–"), (float("nan"), "–"), (np.inf, "–")],
)
def test_integer(value, text):
    assert plainly(say.integer(value)) == text


def test_a_rounded_zero_has_no_sign():
    assert say.decimal(-0.001, 2) == "0.00"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.4, "40 %"),
        (0.05, "5 %"),
        (0.051, "5.1 %"),
        (0.0996, "10 %"),
        (0.994, "99.4 %"),
        (0.9996, "100 %"),
        (1, "100 %"),
        (2.2, "220 %"),
        (-0.051, "−5.1 %"),
        (None, "–"),
    ],
)
def test_share(value, text):
    assert plainly(say.share(value)) == text


def test_one_and_many():
    assert say.count(1, "row", "rows") == "1 row"
    assert plainly(say.count(0, "row", "rows")) == "0 rows"
    assert plainly(say.count(1200, "row", "rows")) == "1 200 rows"


def test_rate_keeps_a_decimal():
    assert plainly(say.rate(0.35447)) == "35.4 %"
    assert say.rate(None) == "–"


def test_interval():
    assert plainly(say.interval(0.224, 0.278, 1000)) == "95 % interval 22 to 28 %, n 1 000"
    assert plainly(say.interval(None, None, 0)) == "no interval, n 0"


@pytest.mark.parametrize(
    ("value", "text"),
    [(99.991, "99.99 EUR"), (99.999, "100 EUR"), (1234.4, "1 234 EUR"), (7, "7 EUR"), (None, "–")],
)
def test_money(value, text):
    assert plainly(say.money(value, "EUR")) == text


def test_dates():
    assert plainly(say.date(pd.Timestamp("2024-03-01 10:00"))) == "1 Mar 2024"
    assert plainly(say.month(dt.date(2024, 12, 31))) == "Dec 2024"
    assert say.date(pd.NaT) == say.month(None) == "–"


def test_plain_values_are_json():
    value = {
        1: np.float64(1.5),
        "when": [pd.Timestamp("2024-01-31"), dt.date(2024, 1, 31), pd.NaT, np.datetime64("2024-01-31")],
        "none": (np.nan, None, np.inf),
        "flag": np.bool_(True),
        "count": np.int64(3),
        "price": decimal.Decimal("1.5"),
    }
    assert json.loads(json.dumps(say.plain(value))) == {
        "1": 1.5,
        "when": ["2024-01-31", "2024-01-31", None, "2024-01-31"],
        "none": [None, None, None],
        "flag": True,
        "count": 3,
        "price": 1.5,
    }
