"""Whatever the ledger, the drivers and the times: both stages and unused capacity add up to the cent."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from crmkit.metrics import activities, concentration, costing, statement, time_driven

cents = st.integers(-(10**9), 10**9).map(lambda units: float(Decimal(units) / 100))
few = settings(deadline=None, max_examples=10)


def table(rows, columns):
    kinds = {"cost": "float64", "quantity": "float64", "minutes": "float64"}
    frame = pd.DataFrame(rows, columns=columns)
    return frame.astype({name: kinds.get(name, "str") for name in columns})


def rows_of(*columns, size):
    return st.lists(st.tuples(*columns), max_size=size)


quantity = st.integers(0, 40).map(lambda number: number / 8)
resources, names, who = st.sampled_from("rstu"), st.sampled_from("xyz"), st.sampled_from("abcdef")


@st.composite
def books(draw):
    ledger = table(
        draw(rows_of(resources, st.sampled_from(["pre", "post"]), cents, size=8)),
        ["resource", "category", "cost"],
    )
    hours = table(draw(rows_of(resources, names, quantity, size=8)), ["resource", "activity", "quantity"])
    hours = hours[hours["resource"].isin(ledger["resource"])]
    drivers = table(draw(rows_of(who, names, quantity, size=20)), ["customer_id", "activity", "quantity"])
    drivers = drivers[drivers["activity"].isin(hours.loc[hours["quantity"] > 0, "activity"])]
    return ledger, hours, drivers


@few
@given(books(), st.integers(0, 2**16))
def test_two_stages_lose_nothing_and_know_no_order(tables, seed):
    ledger, hours, drivers = tables
    pools = activities.activity_costs(ledger, hours, by="category")
    costs = costing.allocate_costs(pools, drivers, by="category")
    assert (costing.reconcile(pools, ledger, by="category")["difference"] == 0).all()
    assert (costing.reconcile(costs, ledger, by="category")["difference"] == 0).all()
    assert not costs.duplicated(["customer_id", "activity", "category"]).any()
    shuffled = [frame.sample(frac=1, random_state=seed) for frame in tables]
    again = activities.activity_costs(shuffled[0], shuffled[1], by="category")
    pd.testing.assert_frame_equal(pools, again)
    pd.testing.assert_frame_equal(costs, costing.allocate_costs(again, shuffled[2], by="category"))


@few
@given(books(), st.integers(-3, 12))
def test_costs_know_no_scale_of_the_drivers(tables, power):
    ledger, hours, drivers = tables
    pools = activities.activity_costs(ledger, hours)
    scaled = drivers.assign(quantity=drivers["quantity"] * 2.0**power)
    first, second = costing.allocate_costs(pools, drivers), costing.allocate_costs(pools, scaled)
    pd.testing.assert_frame_equal(first[["customer_id", "cost"]], second[["customer_id", "cost"]])


@few
@given(
    st.lists(st.tuples(cents, st.integers(1, 5000)), min_size=1, max_size=4),
    st.lists(st.tuples(who, st.integers(0, 3), quantity), max_size=20),
    st.floats(0.05, 1.0),
)
def test_customers_and_unused_capacity_are_the_cost(departments, used, share):
    supply = pd.DataFrame(departments, columns=["cost", "capacity_minutes"])
    supply = supply.assign(resource=np.arange(len(supply)))
    times = pd.DataFrame(used, columns=["customer_id", "resource", "minutes"]).astype(
        {"customer_id": "str", "resource": "int64", "minutes": "float64"}
    )
    times = times[times["resource"] < len(supply)].assign(minutes=lambda frame: frame["minutes"] * 100)
    costs = time_driven.time_driven_costs(supply, times, practical_share=share)
    assert (costing.reconcile(costs, supply, by="resource")["difference"] == 0).all()
    use = time_driven.capacity_use(supply, times, practical_share=share).set_index("resource")
    idle = costs[costs["unassigned"]].set_index("resource")
    assert idle["cost"].equals(use["unused_cost"])
    assert use["over_capacity"].equals(use["used_minutes"] > use["practical_minutes"])
    spread = costs[~costs["unassigned"]]
    exact = spread["minutes"] * spread["capacity_cost_rate"]
    assert ((spread["cost"] - exact).abs() < 0.02).all()


@pytest.mark.parametrize("kind", ["transaction", "intensity"])
def test_a_million_customers_reconcile(kind):
    # negative corrections, an idle activity, customers without any driver
    rng = np.random.default_rng(12)
    count = 1_000_000
    pools = pd.DataFrame(
        {
            "activity": ["ship", "bill", "fix", "idle"],
            "cost": [12_345_678.91, -76_543.21, 0.07, 99.99],
            "category": ["distribution", "post-sale", "post-sale", "general"],
        }
    )
    if kind == "intensity":
        pools["driver_kind"] = ["transaction", "transaction", "intensity", "intensity"]
    drivers = pd.DataFrame(
        {
            "customer_id": np.concatenate([np.arange(count), rng.integers(0, count, 200_000)]),
            "activity": rng.choice(["ship", "bill", "fix"], count + 200_000),
            "quantity": rng.integers(0, 500, count + 200_000) / 100,
        }
    )
    costs = costing.allocate_costs(pools, drivers)
    assert (costing.reconcile(costs, pools, by="activity")["difference"] == 0).all()
    units = (costs["cost"] * 100).round().astype("int64")
    assert units.sum() == 1_234_567_891 - 7_654_321 + 7 + 9_999
    served = costing.cost_to_serve(costs)
    assert (served["cost"] * 100).round().sum() == units.sum()
    caused = drivers[drivers["activity"] == "ship"].groupby("customer_id")["quantity"].sum()
    ship = costs[costs["activity"] == "ship"].set_index("customer_id")["cost"]
    exact = 12_345_678.91 * caused / caused.sum()
    assert (ship - exact.reindex(ship.index)).abs().max() < 0.01
    orders = pd.DataFrame({"customer_id": np.arange(count), "amount": rng.integers(0, 5000, count) / 100})
    pnl = statement.customer_pnl(orders, costs, gross_margin_rate=0.5)
    assert len(pnl) == count
    peak = concentration.whale_peak(pnl, value="net_margin")
    assert peak.customers == count
    assert round(peak.total_profit * 100) == (pnl["net_margin"] * 100).round().sum()
