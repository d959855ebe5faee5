"""Preparing tables: checked, cut at as_of, with text keys, of any engine."""

import pandas as pd
import polars as pl
import pytest

from crmkit.errors import ColumnError, DataError, ParameterError
from crmkit.report.company import Assumptions, Missing, prepare


def prepared(tables, as_of="2024-12-31", **assumed):
    return prepare(tables, as_of=as_of, assumptions=Assumptions(**assumed))


def test_rows_after_as_of_are_left_out_and_counted(tables):
    before = tables["orders"].copy(deep=True)
    company = prepared(tables, as_of="2024-01-29")
    assert company.tables["orders"]["order_date"].max() == pd.Timestamp("2024-01-15")
    row = next(one for one in company.rows if one["table"] == "orders")
    assert (row["rows"], row["excluded"]) == (28, 12)
    assert row["first"] == pd.Timestamp("2023-01-15")
    pd.testing.assert_frame_equal(tables["orders"], before)


def test_the_day_of_as_of_counts_to_its_end():
    orders = pd.DataFrame(
        {"customer_id": ["a"], "order_date": [pd.Timestamp("2024-12-31 23:59")], "amount": [1.0]}
    )
    assert prepared({"orders": orders}).rows[0]["excluded"] == 0


def test_as_of_before_the_data(tables):
    message = "as_of 2020-01-01 is before the data: the first row of orders is dated 2023-01-15"
    with pytest.raises(DataError, match=message):
        prepared(tables, as_of="2020-01-01")


def test_tables_of_other_engines_and_number_keys(tables):
    orders = tables["orders"].assign(customer_id=range(len(tables["orders"])))
    company = prepared({"orders": pl.from_pandas(orders), "customers": tables["customers"]})
    assert company.tables["orders"]["customer_id"].tolist()[:2] == ["0", "1"]
    assert company.tables["orders"]["order_date"].dtype == "datetime64[us]"
    assert next(one for one in company.rows if one["table"] == "customers")["first"] is None


def test_missing_things_have_a_reason(tables):
    company = prepared({"orders": tables["orders"], "leads": tables["leads"]}, as_of="2023-12-31")
    with pytest.raises(Missing, match="there is no table quotes"):
        company.table("quotes")
    with pytest.raises(Missing, match="the table orders has no column channel"):
        company.table("orders", "channel")
    with pytest.raises(Missing, match="the table leads has no rows up to 31.Dec.2023"):
        company.table("leads")
    assert not company.has("leads")


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            lambda one: {"order": one["orders"]},
            ParameterError,
            "`tables` must be one of 'customers', 'orders'",
        ),
        (lambda one: {}, ParameterError, "`tables` must be at least one table"),
        (lambda one: {"orders": one["orders"].drop(columns="amount")}, ColumnError, "amount"),
        (lambda one: {"orders": one["orders"].head(0)}, DataError, "the table is empty"),
        (
            lambda one: {"orders": one["orders"].assign(customer_id=None)},
            DataError,
            "orders.customer_id: 40 rows without a value",
        ),
    ],
)
def test_bad_tables(tables, change, error, message):
    with pytest.raises(error, match=message):
        prepared(change(tables))


@pytest.mark.parametrize(
    ("assumed", "message"),
    [
        ({"discount": -0.1}, "`discount` must be"),
        ({"gross_margin": 1.5}, "`gross_margin` must be"),
        ({"costs_from": "soon"}, "`costs_from` must be a date"),
        ({"currency": "euro"}, "`currency` must be the ISO code of a currency"),
    ],
)
def test_assumptions_are_checked(assumed, message):
    with pytest.raises(ParameterError, match=message):
        Assumptions(**assumed)


def test_as_of_must_be_a_date(tables):
    with pytest.raises(ParameterError, match="`as_of` must be a date such as"):
        prepared(tables, as_of="yesterday")
