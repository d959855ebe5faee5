"""Whatever the ledger and the drivers: nothing is lost, nothing depends on order or scale."""

from decimal import Decimal

import pandas as pd
from hypothesis import given, settings, strategies as st

from crmkit.metrics import costing
from crmkit.stats import allocation

cents = st.integers(min_value=-(10**11), max_value=10**11)
weights = st.floats(min_value=0, max_value=1e12, allow_nan=False, allow_subnormal=False)


@given(units=cents, some=st.lists(weights, min_size=1, max_size=60).filter(lambda w: max(w) > 1e-300))
def test_apportion_adds_up_and_stays_within_one_unit_of_the_quota(units, some):
    shares = allocation.apportion(units, some)
    assert int(shares.sum()) == units
    assert all(share == 0 for share, weight in zip(shares, some, strict=True) if weight == 0)
    quotas = [units * weight / sum(some) for weight in some]
    noise = 1 + abs(units) * 1e-10
    assert all(abs(share - quota) < noise for share, quota in zip(shares.tolist(), quotas, strict=True))


@given(
    units=cents,
    some=st.lists(st.integers(0, 10**6), min_size=1, max_size=40).filter(any),
    factor=st.integers(1, 1000),
    power=st.integers(-9, 9),
)
def test_apportion_knows_no_scale(units, some, factor, power):
    scaled = [weight * factor * 2.0**power for weight in some]
    assert allocation.apportion(units, some).tolist() == allocation.apportion(units, scaled).tolist()


@given(
    units=cents,
    some=st.lists(weights, min_size=1, max_size=40).filter(lambda w: max(w) > 1e-300),
    data=st.data(),
)
def test_apportion_knows_no_order_but_for_ties(units, some, data):
    shuffled = data.draw(st.permutations(some))
    first, second = allocation.apportion(units, some), allocation.apportion(units, shuffled)
    assert sorted(zip(some, first, strict=True)) == sorted(zip(shuffled, second, strict=True))


@st.composite
def ledgers(draw):
    names = draw(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=6, unique=True))
    activities = pd.DataFrame({"activity": names, "cost": [float(Decimal(draw(cents)) / 100) for _ in names]})
    rows = draw(
        st.lists(
            st.tuples(st.integers(1, 12), st.sampled_from(names), st.integers(0, 4000).map(lambda q: q / 16)),
            max_size=40,
        )
    )
    drivers = pd.DataFrame(rows, columns=["customer_id", "activity", "quantity"]).astype(
        {"customer_id": "int64", "activity": "str", "quantity": "float64"}
    )
    return activities.astype({"activity": "str"}), drivers


@settings(deadline=None, max_examples=25)
@given(ledgers(), st.integers(0, 2**16))
def test_every_ledger_reconciles_to_the_cent(tables, seed):
    activities, drivers = tables
    costs = costing.allocate_costs(activities, drivers)
    (row,) = costing.reconcile(costs, activities).to_dict("records")
    assert row["difference"] == 0
    each = costing.reconcile(costs, activities, by="activity")
    assert (each["difference"] == 0).all()
    assert not costs.duplicated(["customer_id", "activity"]).any()
    idle = drivers.groupby("activity")["quantity"].sum().reindex(activities["activity"]).fillna(0).eq(0)
    assert int(costs["unassigned"].sum()) == int(idle.sum())
    served = costing.cost_to_serve(costs)
    assert (served["cost"] * 100).round().sum() == (activities["cost"] * 100).round().sum()
    again = costing.allocate_costs(activities, drivers.sample(frac=1, random_state=seed))
    pd.testing.assert_frame_equal(costs, again)
