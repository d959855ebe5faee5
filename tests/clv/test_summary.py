import datetime as dt
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from crmkit import clv
from crmkit.datasets import load_cdnow
from crmkit.errors import ColumnError, DataError, ParameterError


def orders(*rows):
    frame = pd.DataFrame(rows, columns=["customer_id", "order_date", "amount"])
    return frame.assign(order_date=pd.to_datetime(frame["order_date"], format="mixed"))


PLAIN = orders(
    ("b", "2024-01-10 23:59", 10.0),
    ("a", "2024-03-05 00:01", 5.0),
    ("b", "2024-01-11 00:01", 20.0),
    ("b", "2024-01-11 18:00", 1.0),
    ("b", "2024-02-10", 39.0),
)


def test_by_hand():
    got = clv.summarize(PLAIN, as_of="2024-03-11", unit="day")
    expected = pd.DataFrame(
        {
            "customer_id": ["a", "b"],
            "frequency": [0, 2],
            "recency": [0.0, 31.0],
            "T": [6.0, 61.0],
            "monetary_value": [0.0, 30.0],
            "unit": "day",
            "as_of": "2024-03-11",
        }
    )
    pd.testing.assert_frame_equal(got, expected)


@pytest.mark.parametrize(
    ("unit", "days"),
    [("day", 1), ("week", 7), ("month", 365.25 / 12), ("quarter", 365.25 / 4), ("year", 365.25)],
)
def test_unit_is_separate_from_merging(unit, days):
    got = clv.summarize(PLAIN, as_of="2024-03-11", unit=unit)
    assert list(got["frequency"]) == [0, 2]
    np.testing.assert_allclose(got["recency"], [0, 31 / days], rtol=1e-12)
    np.testing.assert_allclose(got["T"], [6 / days, 61 / days], rtol=1e-12)


@pytest.mark.parametrize(
    ("merge", "frequency", "recency", "age"),
    # 2024-01-10 and 11 share a week that starts on Monday the 8th; 2024-02-10 lies in that of the 5th.
    [("week", [0, 1], 28, 63), ("month", [0, 1], 31, 60), ("quarter", [0, 0], 0, 0), ("year", [0, 0], 0, 0)],
)
def test_merge(merge, frequency, recency, age):
    got = clv.summarize(PLAIN, as_of="2024-03-11", unit="day", merge=merge).set_index("customer_id")
    assert list(got["frequency"]) == frequency
    assert got.loc["b", "recency"] == recency
    assert got.loc["b", "T"] == age


@pytest.mark.parametrize("as_of", ["2024-03-11", dt.date(2024, 3, 11), pd.Timestamp("2024-03-11 15:30")])
def test_as_of_counts_as_a_whole_day(as_of):
    later = orders(("a", "2024-03-11 23:59:59", 2.0))
    got = clv.summarize(pd.concat([PLAIN, later]), as_of=as_of, unit="day")
    assert got["T"].tolist() == [6, 61]
    assert got["frequency"].tolist() == [1, 2]


RETURNS = orders(
    ("kept", "2024-01-01", 100.0),
    ("kept", "2024-01-01", -30.0),
    ("kept", "2024-01-08", -20.0),
    ("kept", "2024-01-15", 50.0),
    ("undone", "2024-01-01", 80.0),
    ("undone", "2024-01-01", -80.0),
    ("back", "2024-01-02", -10.0),
    ("back", "2024-01-09", 25.0),
    ("free", "2024-01-03", 0.0),
    ("free", "2024-01-04", 0.0),
)


@pytest.mark.parametrize(
    ("returns", "expected"),
    [
        ("net", {"back": (0, 0, 0), "free": (1, 1, 0), "kept": (1, 14, 50)}),
        ("drop", {"back": (0, 0, 0), "free": (1, 1, 0), "kept": (1, 14, 50), "undone": (0, 0, 0)}),
        ("keep", {"back": (1, 7, 25), "free": (1, 1, 0), "kept": (2, 14, 15), "undone": (0, 0, 0)}),
    ],
)
def test_returns(returns, expected):
    got = clv.summarize(RETURNS, as_of="2024-02-01", unit="day", returns=returns)
    rows = got[["customer_id", "frequency", "recency", "monetary_value"]].itertuples(index=False)
    assert {row[0]: tuple(row[1:]) for row in rows} == expected


def test_without_money_every_row_is_a_purchase():
    got = clv.summarize(RETURNS.drop(columns="amount"), as_of="2024-02-01", unit="day", monetary=False)
    assert list(got) == ["customer_id", "frequency", "recency", "T", "unit", "as_of"]
    assert dict(zip(got["customer_id"], got["frequency"], strict=True)) == {
        "back": 1,
        "free": 1,
        "kept": 2,
        "undone": 0,
    }


def test_later_rows_are_refused_or_left_out():
    with pytest.raises(DataError, match=r"1 of 5 rows dated after as_of 2024-03-01 \(after='drop'"):
        clv.summarize(PLAIN, as_of="2024-03-01")
    got = clv.summarize(PLAIN, as_of="2024-03-01", after="drop")
    pd.testing.assert_frame_equal(
        got, clv.summarize(PLAIN[PLAIN["order_date"] < "2024-03-02"], as_of="2024-03-01")
    )


def test_nothing_left():
    with pytest.raises(DataError, match="a row dated on or before as_of 2023-01-01"):
        clv.summarize(PLAIN, as_of="2023-01-01", after="drop")
    with pytest.raises(DataError, match="a row dated on or before"):
        clv.summarize(PLAIN.head(0), as_of="2024-03-11")
    only = RETURNS[RETURNS["amount"] < 0]
    assert clv.summarize(only, as_of="2024-02-01").empty
    assert clv.summarize(only, as_of="2024-02-01", returns="drop").empty


def test_unusable_rows_are_counted():
    broken = PLAIN.assign(customer_id=["b", None, "b", None, "b"], amount=[np.inf, 1, np.nan, 1, 1])
    broken.loc[4, "order_date"] = pd.NaT
    with pytest.raises(DataError) as caught:
        clv.summarize(broken, as_of="2024-03-11")
    message = str(caught.value)
    for part in (
        "2 of 5 rows without a customer_id",
        "1 of 5 rows without an order_date",
        "1 of 5 rows without an amount",
        "1 of 5 rows with an infinite amount",
    ):
        assert part in message


def test_wrong_columns_and_arguments():
    bare = PLAIN.drop(columns="amount")
    with pytest.raises(ColumnError, match="'amount'.*crmkit.tables.orders.*read with monetary=False"):
        clv.summarize(bare, as_of="2024-03-11")
    with pytest.raises(ColumnError, match="'amount'") as caught:  # the audit has no such argument
        clv.summary_audit(bare, as_of="2024-03-11")
    assert "monetary=False" not in str(caught.value)
    with pytest.raises(ColumnError, match="dates in 'order_date'"):
        clv.summarize(PLAIN.assign(order_date="2024-01-01"), as_of="2024-03-11")
    for wrong in ({"unit": "fortnight"}, {"merge": "hour"}, {"returns": "ignore"}, {"after": "keep"}):
        with pytest.raises(ParameterError, match=f"`{next(iter(wrong))}` must be one of"):
            clv.summarize(PLAIN, as_of="2024-03-11", **wrong)
    with pytest.raises(ParameterError, match="`as_of` must be a date"):
        clv.summarize(PLAIN, as_of=None)
    with pytest.raises(ParameterError, match="`monetary` must be True or False"):
        clv.summarize(PLAIN, as_of="2024-03-11", monetary=1)


def test_invariants():
    cdnow = load_cdnow(sample=True)
    one = clv.summarize(cdnow, as_of="1998-06-30")
    assert ((one["recency"] >= 0) & (one["recency"] <= one["T"])).all()
    assert ((one["frequency"] == 0) == (one["recency"] == 0)).all()
    shuffled = cdnow.sample(frac=1, random_state=3)
    pd.testing.assert_frame_equal(one, clv.summarize(shuffled, as_of="1998-06-30"))
    dearer = clv.summarize(cdnow.assign(amount=cdnow["amount"] * 4), as_of="1998-06-30")
    np.testing.assert_allclose(dearer["monetary_value"], one["monetary_value"] * 4)
    np.testing.assert_allclose(
        one["recency"] * 7, clv.summarize(cdnow, as_of="1998-06-30", unit="day")["recency"]
    )


@pytest.mark.parametrize("dtype", ["int8", "int64", "Int64", "uint8", "float64", "str"])
def test_keys_of_any_type_keep_it(dtype):
    for keys in ([3, 3, 100, 3, 100], [3, 4, 4, 3, 3]):
        frame = PLAIN.assign(customer_id=pd.Series(keys).astype(dtype))
        got = clv.summarize(frame, as_of="2024-03-11")
        assert got["customer_id"].dtype == frame["customer_id"].dtype
        assert got["customer_id"].tolist() == sorted(set(frame["customer_id"]))
        days = frame.assign(day=frame["order_date"].dt.date).groupby("customer_id")["day"].nunique()
        assert got["frequency"].tolist() == (days - 1).tolist()


def test_input_is_not_changed():
    before = RETURNS.copy(deep=True)
    clv.summarize(RETURNS, as_of="2024-02-01", merge="week")
    clv.summary_audit(RETURNS, as_of="2024-02-01")
    pd.testing.assert_frame_equal(RETURNS, before)


def test_first_purchase_far_larger_than_the_rest():
    got = clv.summarize(orders(("a", "2024-01-01", 1e12), ("a", "2024-01-02", 0.01)), as_of="2024-03-01")
    assert got["monetary_value"].tolist() == [0.01]


LIFETIMES = """
import warnings
warnings.simplefilter("ignore")
import numpy as np
from lifetimes.utils import summary_data_from_transaction_data as peer
from crmkit import clv
from crmkit.datasets import load_cdnow
orders = load_cdnow(sample=False)
for as_of in ("1997-09-30", "1998-06-30"):
    for freq, merge, days in (("D", "day", 1), ("W", "week", 7)):
        known = orders[orders["order_date"] <= as_of]
        other = peer(known, "customer_id", "order_date", "amount", observation_period_end=as_of, freq=freq)
        mine = clv.summarize(orders, as_of=as_of, unit="day", merge=merge, after="drop")
        mine = mine.set_index("customer_id")
        assert (mine.index == other.index).all() and (mine.frequency == other.frequency).all()
        for name in ("recency", "T"):
            np.testing.assert_allclose(mine[name], other[name] * days)
        np.testing.assert_allclose(mine["monetary_value"], other["monetary_value"], rtol=1e-12, atol=1e-12)
"""


def test_equal_to_lifetimes_on_all_of_cdnow():
    # In a process of its own, because importing lifetimes changes pandas options and warning filters.
    done = subprocess.run([sys.executable, "-c", LIFETIMES], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("returns", "occasions", "cancelled", "parts"),
    # 70 + 50 kept, 0 undone, -10 + 25 back; what is left out: -20, 0, -10
    [
        ("net", (5, 3, 3, 1), 3, (95.0, 50.0, -30.0)),
        ("drop", (6, 0, 4, 0), 0, (205.0, 50.0, -140.0)),
        ("keep", (8, 0, 4, 0), 0, (60.0, 55.0, 0.0)),
    ],
)
def test_audit_reconciles(returns, occasions, cancelled, parts):
    audit = clv.summary_audit(RETURNS, as_of="2024-02-01", returns=returns)
    assert (audit.rows, audit.rows_after, audit.returns) == (10, 0, 4)
    assert (
        audit.occasions,
        audit.cancelled_occasions,
        audit.customers,
        audit.customers_without_purchase,
    ) == occasions
    assert audit.cancelled_occasions == cancelled
    assert (audit.first_amount, audit.repeat_amount, audit.excluded_amount) == parts
    assert sum(parts) == audit.amount == 115
    assert audit.to_dict()["occasions"] == audit.occasions


def test_audit_counts_what_summarize_refuses():
    broken = PLAIN.assign(customer_id=["b", None, "b", None, "b"], amount=[np.inf, 1, np.nan, 1, 1])
    late = {"customer_id": "c", "order_date": pd.to_datetime([None, "2025-01-01"]), "amount": 3.0}
    broken = pd.concat([broken, pd.DataFrame(late)], ignore_index=True)
    audit = clv.summary_audit(broken, as_of="2024-03-11")
    assert audit.rows == 7
    assert (audit.rows_without_customer, audit.rows_without_date, audit.rows_without_amount) == (2, 1, 2)
    assert (audit.rows_after, audit.customers, audit.occasions, audit.amount) == (1, 1, 1, 1.0)


def test_audit_of_nothing_is_zero():
    for frame in (PLAIN.head(0), PLAIN):
        audit = clv.summary_audit(frame, as_of="2020-01-01")
        assert (audit.customers, audit.occasions, audit.amount, audit.first_amount) == (0, 0, 0.0, 0.0)
        assert audit.rows_after == len(frame)
