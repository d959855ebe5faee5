"""The customer's profit and loss statement on every engine, against sums by hand."""

import pandas as pd
import pytest

from crmkit.errors import ColumnError, DataError, ParameterError
from crmkit.metrics import levers, profitability, statement
from crmkit.testing import assert_parity

PNL = [
    *("customer_id", "orders", "gross_sales", "discounts", "revenue", "product_cost"),
    *("gross_margin", "cost_to_serve", "net_margin"),
    *("revenue_per_order", "cost_to_serve_per_order", "net_margin_per_order"),
    *("discount_share", "gross_margin_share", "cost_to_serve_share", "net_margin_share"),
]


def base():
    # order 3 is returned in full, order 5 is a credit note on its own
    orders = pd.DataFrame(
        {
            "customer_id": ["a", "a", "a", "b", "b", "c"],
            "order_id": [1, 1, 2, 3, 3, 5],
            "amount": [60.0, 30.0, 110.0, 0.3, -0.3, -40.0],
            "discount": [10.0, 0.0, 40.0, 0.0, 0.0, 0.0],
            "cost": [20.0, 10.0, 50.0, 0.1, -0.1, -30.0],
        }
    )
    costs = pd.DataFrame(
        {
            "customer_id": ["a", "a", "a", "d", None],
            "category": ["service", "service", "working capital", "service", "idle"],
            "cost": [25.5, 4.5, 10.0, 8.0, 999.0],
        }
    )
    return orders, costs


def test_customer_pnl_on_every_engine():
    expected = pd.DataFrame(
        [
            ["a", 2, 250.0, 50.0, 200.0, 80.0, 120.0, 40.0, 80.0, 100.0, 20.0, 40.0, 0.2, 0.6, 0.2, 0.4],
            ["b", 1, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, None, None, None, None],
            ["c", 0, -40.0, 0, -40.0, -30.0, -10.0, 0, -10.0, None, None, None, None, None, None, None],
            ["d", 0, 0.0, 0.0, 0.0, 0.0, 0.0, 8.0, -8.0, None, None, None, None, None, None, None],
        ],
        columns=PNL,
    )
    assert_parity(statement.customer_pnl, *base(), expected=expected, keys=["customer_id"], crossing=3)


def test_the_cost_of_orders_on_every_engine():
    orders, costs = base()
    costs = costs.rename(columns={"category": "activity"})
    costs.loc[len(costs)] = ["c", "delivery", 1.25]
    wanted = ["service", "delivery"]
    expected = statement.customer_pnl(orders, costs).assign(order_cost=[30.0, 0.0, 1.25, 8.0])
    assert_parity(
        lambda one, other: statement.customer_pnl(one, other, order_activities=wanted),
        *(orders, costs),
        expected=expected,
        keys=["customer_id"],
        crossing=7,
    )


def test_activities_that_come_with_orders_must_be_there():
    orders, costs = base()
    with pytest.raises(ColumnError, match="`costs` must have the column 'activity'"):
        statement.customer_pnl(orders, costs, order_activities="service")
    costs = costs.rename(columns={"category": "activity"})
    costs.loc[0, "activity"] = None
    message = "rows of each activity .* Found none of 'servce', 'delivery'. Present: 'idle', 'service', 'work"
    with pytest.raises(DataError, match=message):
        statement.customer_pnl(orders, costs, order_activities=["service", "servce", "delivery"])
    with pytest.raises(
        ParameterError, match="`order_activities` must be the name of an activity or a list of them. Got 3"
    ):
        statement.customer_pnl(orders, costs, order_activities=3)
    none = statement.customer_pnl(orders, costs.head(0), order_activities="service")
    assert none["order_cost"].tolist() == [0.0] * 3
    # an activity of which nobody has a part is known, and costs nobody anything
    assert statement.customer_pnl(orders, costs, order_activities="idle")["order_cost"].sum() == 0


def test_the_statement_with_the_cost_of_orders_goes_into_the_levers():
    orders, costs = base()
    costs = costs.rename(columns={"category": "activity"})
    pnl = statement.customer_pnl(orders, costs, order_activities="service")
    found = levers.profit_levers(pnl)
    assert found.loc[found["smallest"], "customer_id"].tolist() == ["c", "d"]


def test_pnl_lines_on_every_engine():
    amounts = {
        "a": [250.0, 50.0, 200.0, 80.0, 120.0, 30.0, 10.0, 40.0, 80.0],
        "b": [0.0] * 5 + [0.0, 0.0],
        "c": [-40.0, 0.0, -40.0, -30.0, -10.0, 0.0, -10.0],
        "d": [0.0] * 5 + [8.0, 8.0, -8.0],
    }
    parts = {"a": ["service", "working capital", None], "d": ["service", None]}
    heads = ["gross_sales", "discounts", "revenue", "product_cost", "gross_margin"]
    counts, revenues = {"a": 2, "b": 1, "c": 0, "d": 0}, {"a": 200, "b": 0, "c": -40, "d": 0}
    rows = []
    for who, listed in amounts.items():
        own = parts.get(who, [None])
        lines = heads + ["cost_to_serve"] * len(own) + ["net_margin"]
        for line, category, amount in zip(lines, [None] * 5 + own + [None], listed, strict=True):
            each = amount / counts[who] if counts[who] else None
            share = amount / revenues[who] if revenues[who] > 0 else None
            place = [*heads, "cost_to_serve", "net_margin"].index(line) + 1
            rows.append([who, line, category, amount, each, share, place])
    names = ["customer_id", "line", "category", "amount", "per_order", "revenue_share", "position"]
    assert_parity(
        statement.pnl_lines,
        *base(),
        expected=pd.DataFrame(rows, columns=names),
        keys=["customer_id", "position", "category"],
        crossing=4,
    )


def test_lines_stand_in_the_order_of_a_statement():
    lines = statement.pnl_lines(*base())
    first = lines[lines["customer_id"] == "a"]
    assert first["position"].tolist() == [1, 2, 3, 4, 5, 6, 6, 6, 7]
    assert first["category"].isna().tolist() == [True] * 5 + [False, False, True, True]


def test_unknown_discounts_stay_unknown():
    orders, costs = base()
    orders = orders.drop(columns=["discount", "order_id"])
    pnl = statement.customer_pnl(orders, costs).set_index("customer_id")
    assert pnl[["gross_sales", "discounts", "discount_share"]].isna().all(axis=None)
    assert pnl["orders"].to_dict() == {"a": 3, "b": 1, "c": 0, "d": 0}
    lines = statement.pnl_lines(orders, costs)
    unknown = lines["line"].isin(["gross_sales", "discounts"])
    assert lines["amount"].isna().equals(unknown)


def test_the_statement_agrees_with_customer_profit():
    orders, costs = base()
    orders = orders.drop(columns="cost")
    pnl = statement.customer_pnl(orders, costs, gross_margin_rate=0.25)
    profit = profitability.customer_profit(orders, costs, gross_margin_rate=0.25)
    same = pnl[["customer_id", "revenue", "gross_margin", "cost_to_serve", "net_margin", "net_margin_share"]]
    assert same.set_axis(profit.columns, axis=1).equals(profit)


def test_unfit_tables_are_refused():
    orders, costs = base()
    with pytest.raises(DataError, match="`orders`: 6 of 6 rows with no discount"):
        statement.customer_pnl(orders.assign(discount=float("nan")), costs)
    with pytest.raises(DataError, match="6 of 6 rows with no order_id"):
        statement.customer_pnl(orders.assign(order_id=None), costs)
    with pytest.raises(DataError, match="`costs`: 1 of 4 rows with no category"):
        statement.pnl_lines(orders, costs.assign(category=[None, "x", "x", "x", None]))
    with pytest.raises(ColumnError, match="must have the column 'activity'"):
        statement.pnl_lines(orders, costs, category="activity")
    with pytest.raises(ParameterError, match="`category` must be a column other than customer_id and cost"):
        statement.pnl_lines(orders, costs, category="cost")
    with pytest.raises(ParameterError, match="`gross_margin_rate` must be left out"):
        statement.customer_pnl(orders, costs, gross_margin_rate=0.2)
    assert statement.customer_pnl(orders.head(0), costs.head(0)).empty
    assert statement.pnl_lines(orders.head(0), costs.head(0)).empty
