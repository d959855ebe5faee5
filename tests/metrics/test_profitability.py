"""Customer profit on every engine, against sums in exact cents."""

import numpy as np
import pandas as pd
import pytest

from crmkit.errors import ColumnError, DataError, ParameterError
from crmkit.metrics import profitability
from crmkit.testing import assert_parity, to_engine, to_pandas

COLUMNS = ["customer_id", "revenue", "gross_margin", "cost_to_serve", "profit", "profit_margin"]


def base():
    orders = pd.DataFrame(
        {
            "customer_id": ["a", "a", "b", "c", "c", "e"],
            "amount": [0.1, 0.2, 500.0, 80.0, -80.0, -5.0],
            "cost": [0.0, 0.05, 400.0, 30.0, -30.0, -1.0],
        }
    )
    costs = pd.DataFrame(
        {
            "customer_id": ["a", "b", "b", "d", None],
            "activity": ["ship", "ship", "bill", "ship", "idle"],
            "cost": [0.25, 30.0, 20.01, 7.5, 1000.0],
            "unassigned": [False, False, False, False, True],
        }
    )
    return orders, costs


def test_customer_profit_on_every_engine():
    orders, costs = base()
    expected = pd.DataFrame(
        [
            ["a", 0.3, 0.25, 0.25, 0.0, 0.0],
            ["b", 500.0, 100.0, 50.01, 49.99, 0.09998],
            ["c", 0.0, 0.0, 0.0, 0.0, None],
            ["d", 0.0, 0.0, 7.5, -7.5, None],
            ["e", -5.0, -4.0, 0.0, -4.0, None],
        ],
        columns=COLUMNS,
    )
    assert_parity(
        profitability.customer_profit, orders, costs, expected=expected, keys=["customer_id"], crossing=2
    )


def test_a_gross_margin_rate_stands_in_for_the_cost_of_goods():
    orders, costs = base()
    orders = orders[["customer_id", "amount"]].astype({"customer_id": "category"})
    got = profitability.customer_profit(orders, costs, gross_margin_rate=0.25).set_index("customer_id")
    assert got["gross_margin"].to_dict() == {"a": 0.08, "b": 125.0, "c": 0.0, "d": 0.0, "e": -1.25}
    assert got.loc["b", "profit"] == 74.99


def test_the_unassigned_cost_alone_is_left_out():
    rng = np.random.default_rng(4)
    orders = pd.DataFrame(
        {"customer_id": rng.integers(0, 50, 500), "amount": rng.integers(0, 10**6, 500) / 100}
    )
    orders["cost"] = (orders["amount"] * 60).round() / 100
    costs = pd.DataFrame(
        {"customer_id": rng.integers(0, 70, 200), "cost": rng.integers(-500, 10**5, 200) / 100}
    )
    got = profitability.customer_profit(orders, costs)
    cents = (got[["revenue", "gross_margin", "cost_to_serve", "profit"]] * 100).round().astype("int64").sum()
    sold = (orders * 100).round().astype("int64")
    assert cents["revenue"] == sold["amount"].sum()
    assert cents["gross_margin"] == sold["amount"].sum() - sold["cost"].sum()
    assert cents["cost_to_serve"] == (costs["cost"] * 100).round().astype("int64").sum()
    assert cents["profit"] == cents["gross_margin"] - cents["cost_to_serve"]
    assert set(got["customer_id"]) == set(orders["customer_id"]) | set(costs["customer_id"])


def test_tables_without_rows_give_none():
    orders, costs = base()
    assert profitability.customer_profit(orders.head(0), costs.head(0)).empty


def test_unfit_tables_are_refused():
    orders, costs = base()
    profit = profitability.customer_profit
    with pytest.raises(ColumnError, match=r"must have the column 'cost' .*or give `gross_margin_rate`"):
        profit(orders.drop(columns="cost"), costs)
    with pytest.raises(ParameterError, match="`gross_margin_rate` must be left out for orders that have"):
        profit(orders, costs, gross_margin_rate=0.3)
    with pytest.raises(ParameterError, match="`gross_margin_rate` must be a finite number at most 1"):
        profit(orders.drop(columns="cost"), costs, gross_margin_rate=25)
    with pytest.raises(
        DataError, match="`orders`: 1 of 6 rows with no customer_id; 2 of 6 rows with no cost"
    ):
        profit(orders.assign(customer_id=[None, *"abcde"], cost=[None, None, 1, 1, 1, 1]), costs)
    with pytest.raises(DataError, match="`costs`: 5 of 5 rows with no cost"):
        profit(orders, costs.assign(cost=np.nan))
    with pytest.raises(ParameterError, match="`costs` must be a frame of pandas"):
        profit(orders, to_engine(costs, "polars"))
    with pytest.raises(ColumnError, match="`costs` must have 'customer_id' of the type"):
        profit(orders, costs.assign(customer_id=1))


def test_profit_feeds_the_whale_curve(engine):
    from crmkit.metrics import concentration

    orders, costs = base()
    profit = profitability.customer_profit(engine(orders), engine(costs))
    curve = to_pandas(concentration.whale_curve(profit)).sort_values("rank")
    assert curve["customer_id"].tolist() == ["b", "a", "c", "e", "d"]
    assert curve["cumulative_profit"].tolist() == [49.99, 49.99, 49.99, 45.99, 38.49]
