"""The cost of credit and inventory days on every engine, by hand."""

import pandas as pd
import pytest

from crmkit.errors import ColumnError, DataError, ParameterError
from crmkit.metrics import costing, working_capital
from crmkit.testing import assert_parity


def balances():
    return pd.DataFrame(
        {
            "customer_id": ["a", "a", "b"],
            "revenue": [36_500.0, -3_650.0, 73_000.0],
            "credit_days": [10.0, 10.0, 0.0],
            "goods_cost": [7_300.0, 0.0, 3_650.0],
            "inventory_days": [5, 0, 100],
        }
    )


def test_working_capital_on_every_engine():
    expected = pd.DataFrame(
        [
            ["a", "credit", "working capital", 90.0, False],
            ["b", "credit", "working capital", 0.0, False],
            ["a", "inventory", "working capital", 10.0, False],
            ["b", "inventory", "working capital", 100.0, False],
        ],
        columns=["customer_id", "activity", "category", "cost", "unassigned"],
    )
    assert_parity(
        lambda frame: working_capital.working_capital_costs(frame, annual_rate=0.1),
        balances(),
        expected=expected,
        keys=["activity", "customer_id"],
        crossing=1,
    )


def test_one_pair_is_enough_and_other_years_count():
    only = balances().drop(columns=["goods_cost", "inventory_days"])
    costs = working_capital.working_capital_costs(only, annual_rate=0.36, days_in_year=360)
    assert costs["cost"].tolist() == [365 - 36.5, 0.0]
    assert costing.cost_to_serve(costs, by="category")["cost"].tolist() == [328.5, 0.0]


def test_unfit_balances_are_refused():
    cost = working_capital.working_capital_costs
    with pytest.raises(ColumnError, match="'revenue' with 'credit_days' or 'goods_cost' with 'inventory"):
        cost(balances()[["customer_id"]], annual_rate=0.1)
    with pytest.raises(ColumnError, match="must have the column 'credit_days'"):
        cost(balances()[["customer_id", "revenue"]], annual_rate=0.1)
    with pytest.raises(DataError, match="3 of 3 rows with credit_days outside 0 to 36525"):
        cost(balances().assign(credit_days=-1), annual_rate=0.1)
    with pytest.raises(DataError, match="1 of 3 rows with no revenue"):
        cost(balances().assign(revenue=[1.0, None, 2.0]), annual_rate=0.1)
    with pytest.raises(ParameterError, match="`annual_rate` must be a finite number at least 0 and at most"):
        cost(balances(), annual_rate=-0.1)
    with pytest.raises(ParameterError, match="`days_in_year` must be an integer at least 360"):
        cost(balances(), annual_rate=0.1, days_in_year=12)
    assert cost(balances().head(0), annual_rate=0.1).empty


def invoices():
    table = pd.DataFrame(
        {
            "customer_id": ["a", "a", "b", "b"],
            "invoiced_at": ["2024-01-01T23:00", "2024-02-28T00:00", "2024-03-31T00:00", "2024-03-01T12:00"],
            "amount": [36_500.0, 3_650.0, 1_000.0, -3_650.0],
            "paid_at": ["2024-01-11T01:00", "2024-05-01T00:00", None, "2024-03-01T00:00"],
        }
    )
    dates = ("invoiced_at", "paid_at")
    return table.assign(**{name: pd.to_datetime(table[name]).astype("datetime64[us]") for name in dates})


def test_credit_costs_on_every_engine():
    # 36 500 for 10 days are 100; 3 650 from 28 February to 31 March (a leap year) are 32 days: 32; today's: 0
    expected = pd.DataFrame(
        {
            "customer_id": ["a", "b"],
            "activity": "credit",
            "category": "working capital",
            "cost": [132.0, 0.0],
            "unassigned": False,
        }
    )
    assert_parity(
        lambda frame: working_capital.credit_costs(frame, as_of="2024-03-31", annual_rate=0.1),
        invoices(),
        expected=expected,
        keys=["customer_id"],
        crossing=1,
    )


def test_unfit_invoices_are_refused():
    cost = working_capital.credit_costs
    with pytest.raises(DataError, match=r"1 of 4 rows dated after as_of \(2024-03-30\)"):
        cost(invoices(), as_of="2024-03-30", annual_rate=0.1)
    early = invoices().assign(paid_at=pd.Timestamp("2023-12-31"))
    with pytest.raises(DataError, match="4 of 4 rows paid before the invoice"):
        cost(early, as_of="2024-12-31", annual_rate=0.1)
    with pytest.raises(DataError, match="4 of 4 rows with no amount"):
        cost(invoices().assign(amount=float("nan")), as_of="2024-12-31", annual_rate=0.1)
    with pytest.raises(ParameterError, match="`as_of` must be a date"):
        cost(invoices(), as_of=None, annual_rate=0.1)
    with pytest.raises(ParameterError, match="`days_in_year`"):
        cost(invoices(), as_of="2024-12-31", annual_rate=0.1, days_in_year=1)
