"""What would make a customer profitable: each lever by hand, and tried out on a statement of its own."""

import math

import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from crmkit.errors import ColumnError, DataError, ParameterError
from crmkit.metrics import levers
from crmkit.testing import assert_parity

COLUMNS = [
    *("customer_id", "lever", "net_margin", "current", "required", "relative_change"),
    *("feasible", "net_margin_after", "reason", "smallest"),
]
SINGLE = "even a single order costs too much"
MOVED = "even if every order moved, too little is saved"
NONE = "no single lever ends the loss"


def base():
    return pd.DataFrame(
        [
            ["good", 10, 100.0, 20.0, 5.0, 10.0],
            ["even", 10, 100.0, 20.0, 0.0, 10.0],
            ["many", 10, 10_000.0, 7_000.0, -1_050.0, 6_000.0],
            ["idle", 0, 0.0, 80.0, -80.0, 0.0],
            ["poor", 4, 50.0, 30.0, -60.0, 20.0],
            ["cheap", 5, 1_000.0, 100.0, -50.0, 0.0],
            ["bulk", 9, 900.0, 90.0, -70.0, 90.0],
        ],
        columns=["customer_id", "orders", "revenue", "cost_to_serve", "net_margin", "order_cost"],
    )


def test_levers_on_every_engine():
    # bulk: each order saves 10, so 7 of 9 would go and the others be four and a half times as large
    # many: 1 050 of 6 000 are 1.75 of 10 orders, so 8 remain; by web 1.909 orders at 550 less, so 2 move
    web, size, price, service = "channel: web", "order size", "price", "service level"
    much = "the price would rise by more than 100 %"
    grown = "an order would grow by more than 100 %"
    cut = "more than 50 % of the cost to serve would be cut"
    rows = [
        ["many", web, -1050.0, 10, 8.0, -0.2, True, 50.0, None, False],
        ["many", size, -1050.0, 1000, 1250.0, 0.25, True, 150.0, None, False],
        ["many", price, -1050.0, 10_000, 11_050.0, 0.105, True, 0.0, None, True],
        ["many", service, -1050.0, 7000, 5950.0, -0.15, True, 0.0, None, False],
        ["idle", web, -80.0, 0, None, None, False, None, "no orders", False],
        ["idle", size, -80.0, None, None, None, False, None, "no revenue", False],
        ["idle", price, -80.0, 0, None, None, False, None, "no revenue", False],
        ["idle", service, -80.0, 80, None, None, False, None, cut, False],
        ["idle", None, -80.0, None, None, None, False, None, "no revenue", True],
        ["poor", web, -60.0, 4, None, None, False, None, "an order costs no less there", False],
        ["poor", size, -60.0, 12.5, None, None, False, None, SINGLE, False],
        ["poor", price, -60.0, 50, None, None, False, None, much, False],
        ["poor", service, -60.0, 30, None, None, False, None, cut, False],
        ["poor", None, -60.0, None, None, None, False, None, NONE, True],
        ["bulk", web, -70.0, 9, None, None, False, None, "an order costs no less there", False],
        ["bulk", size, -70.0, 100, None, None, False, None, grown, False],
        ["bulk", price, -70.0, 900, 970.0, 0.07 / 0.9, True, 0.0, None, True],
        ["bulk", service, -70.0, 90, None, None, False, None, cut, False],
        ["cheap", web, -50.0, 5, None, None, False, None, "an order costs no less there", False],
        ["cheap", size, -50.0, 200, None, None, False, None, "orders cost nothing", False],
        ["cheap", price, -50.0, 1000, 1050.0, 0.05, True, 0.0, None, True],
        ["cheap", service, -50.0, 100, 50.0, -0.5, True, 0.0, None, False],
    ]
    assert_parity(
        lambda frame: levers.profit_levers(frame, channels={"web": 50}, max_service_cut=0.5),
        base(),
        expected=pd.DataFrame(rows, columns=COLUMNS),
        keys=["customer_id", "lever"],
        crossing=1,
    )


def test_other_reasons():
    table = levers.profit_levers(base(), channels={"web": 4.0, "post": 599}).set_index(
        ["customer_id", "lever"]
    )
    assert table.loc[("poor", "channel: web"), "reason"] == MOVED
    assert table.loc[("many", "channel: post"), "reason"] == MOVED
    free = base().assign(cost_to_serve=0.0, order_cost=0.0)
    table = levers.profit_levers(free).set_index(["customer_id", "lever"])
    assert table.loc[("many", "service level"), "reason"] == "no cost to serve"
    unsold = base().assign(orders=0)
    table = levers.profit_levers(unsold).set_index(["customer_id", "lever"])
    assert table.loc[("many", "order size"), "reason"] == "no orders"


def test_without_the_cost_of_orders_two_levers_remain():
    plain = base().drop(columns="order_cost")
    both = levers.profit_levers(plain)
    assert both["lever"].dropna().unique().tolist() == ["price", "service level"]
    full = levers.profit_levers(base())
    same = full[full["lever"].isin(["price", "service level"])].reset_index(drop=True)
    assert (
        both.dropna(subset="lever")
        .reset_index(drop=True)
        .drop(columns="smallest")
        .equals(same.drop(columns="smallest"))
    )
    with pytest.raises(ColumnError, match="must have the column 'order_cost'"):
        levers.profit_levers(plain, channels={"web": 1})


def test_an_order_may_grow_up_to_the_limit_and_no_further():
    """Four orders in two are twice as large, in one four times."""
    four = pd.DataFrame(
        {
            "customer_id": ["two", "one"],
            "orders": 4,
            "revenue": 100.0,
            "cost_to_serve": 40.0,
            "net_margin": [-20.0, -21.0],
            "order_cost": 40.0,
        }
    )

    def size(growth):
        table = levers.profit_levers(four, max_order_growth=growth).set_index(["customer_id", "lever"])
        return table.loc[[("two", "order size"), ("one", "order size")]]

    assert size(1.0)["feasible"].tolist() == [True, False]
    assert size(1.0)["required"].tolist()[0] == 50
    assert size(0.99)["feasible"].tolist() == [False, False]
    assert size(3)["feasible"].tolist() == [True, True]


def test_customers_whom_no_lever_saves_are_one_filter_away():
    found = levers.profit_levers(base(), max_service_cut=0.1)
    helpless = found[found["lever"].isna()]
    assert helpless[["customer_id", "reason"]].to_numpy().tolist() == [["idle", "no revenue"], ["poor", NONE]]
    losing = base().query("net_margin < 0")["customer_id"]
    assert sorted(found.loc[found["smallest"], "customer_id"]) == sorted(losing)


statements = st.fixed_dictionaries(
    {
        "orders": st.integers(0, 50),
        "revenue": st.integers(-10_000, 10**7),
        "other": st.integers(0, 10**6),
        "order_cost": st.integers(0, 10**6),
        "loss": st.integers(1, 10**6),
    }
)


@settings(deadline=None, max_examples=60)
@given(statements, st.integers(0, 50_000))
def test_a_feasible_lever_ends_the_loss_and_a_smaller_change_does_not(cents, fee):
    served = cents["other"] + cents["order_cost"]
    statement = pd.DataFrame(
        {
            "customer_id": [1],
            "orders": cents["orders"],
            "revenue": cents["revenue"] / 100,
            "cost_to_serve": served / 100,
            "net_margin": -cents["loss"] / 100,
            "order_cost": cents["order_cost"] / 100,
        }
    )
    wide = {"max_price_rise": 1e9, "max_order_growth": 50}
    table = levers.profit_levers(statement, channels={"web": fee / 100}, **wide)
    rows = table.dropna(subset="lever").set_index("lever").to_dict("index")
    n, loss, spent = cents["orders"], cents["loss"], cents["order_cost"]
    sold = cents["revenue"] > 0
    assert rows["price"]["feasible"] == sold
    assert rows["service level"]["feasible"] == (loss <= served)
    # tried out one by one, from the smallest change on
    fewer = [left for left in range(n - 1, 0, -1) if spent * (n - left) >= loss * n] if sold else []
    assert rows["order size"]["feasible"] == bool(fewer)
    if fewer:
        assert rows["order size"]["required"] == pytest.approx(cents["revenue"] / 100 / fewer[0])
        after = spent * (n - fewer[0]) / n - loss
        assert rows["order size"]["net_margin_after"] == pytest.approx(after / 100, abs=0.0051)
    moved = [count for count in range(1, n + 1) if count * (spent - fee * n) >= loss * n]
    assert rows["channel: web"]["feasible"] == bool(moved)
    if moved:
        assert rows["channel: web"]["required"] == n - moved[0]
    ways = [abs(row["relative_change"]) for row in rows.values() if row["feasible"]]
    best = table[table["smallest"]]
    assert len(best) == 1
    assert table["lever"].isna().any() == (not ways)
    assert best["feasible"].item() == bool(ways)
    assert not ways or math.isclose(abs(best["relative_change"].item()), min(ways), abs_tol=1e-8)


def test_unfit_statements_are_refused():
    ask = levers.profit_levers
    with pytest.raises(DataError, match="7 of 7 rows with no order_cost"):
        ask(base().assign(order_cost=float("nan")))
    with pytest.raises(DataError, match="7 of 7 rows with negative orders"):
        ask(base().assign(orders=-1))
    with pytest.raises(DataError, match="7 of 7 rows with more order_cost than cost_to_serve"):
        ask(base().assign(order_cost=1e6))
    with pytest.raises(DataError, match="7 of 7 rows with a repeated customer_id"):
        ask(base().assign(customer_id="x"))
    with pytest.raises(ParameterError, match="`channels` must be a mapping of channel"):
        ask(base(), channels=["web"])
    with pytest.raises(ParameterError, match="`channels` must be a finite number at least 0"):
        ask(base(), channels={"web": -1})
    with pytest.raises(ParameterError, match="`max_service_cut`"):
        ask(base(), max_service_cut=0)
    with pytest.raises(ParameterError, match="`max_price_rise`"):
        ask(base(), max_price_rise=0)
    with pytest.raises(ParameterError, match="`max_order_growth`"):
        ask(base(), max_order_growth=0)
    assert ask(base().head(2)).empty


def test_equal_changes_go_to_the_first_lever_by_name():
    """Options named against the alphabet; narwhals once counted the names themselves and lost their order."""
    channels = {"web": 50.0, "app": 50.0}
    found = levers.profit_levers(
        base()[base()["customer_id"] == "many"], channels=channels, max_price_rise=0.001
    )
    moved = found[found["lever"].str.startswith("channel")].set_index("lever")
    assert moved["relative_change"].nunique() == 1
    best = found[found["feasible"]].sort_values(
        ["relative_change", "lever"], key=lambda one: one.abs() if one.name == "relative_change" else one
    )
    assert found.loc[found["smallest"], "lever"].tolist() == [best["lever"].iloc[0]]
