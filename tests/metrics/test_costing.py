"""Activity-based costing on every engine, against exact fractions and tables added up by hand."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from crmkit.errors import ColumnError, DataError, ParameterError
from crmkit.metrics import costing, profitability
from crmkit.testing import assert_parity, to_engine, to_pandas

COSTS = ["customer_id", "activity", "category", "quantity", "cost_driver_rate", "cost", "unassigned"]


def company(rows=400, seed=5):
    rng = np.random.default_rng(seed)
    activities = pd.DataFrame(
        {
            "activity": ["sell", "ship", "bill", "claims", "tender"],
            "cost": [1000.01, 12345.67, -33.35, 99.99, 5000.0],
            "category": ["pre-sale", "distribution", "post-sale", "post-sale", None],
        }
    )
    drivers = pd.DataFrame(
        {
            "customer_id": [f"c{i:02d}" for i in rng.integers(0, 40, rows)],
            "activity": rng.choice(["sell", "ship", "bill"], rows),
            "quantity": rng.integers(0, 40, rows) / 4,
        }
    )
    zero = pd.DataFrame({"customer_id": ["c01"], "activity": ["claims"], "quantity": [0.0]})
    return activities, pd.concat([drivers, zero], ignore_index=True)


def by_fractions(activities, drivers):
    """Share each pool out by the rule as it is written, in exact arithmetic."""
    rows = []
    for pool in activities.to_dict("records"):
        mine = drivers[drivers["activity"] == pool["activity"]]
        weights = {}
        for one in mine.to_dict("records"):
            weights[one["customer_id"]] = weights.get(one["customer_id"], 0) + Fraction(one["quantity"])
        total, cents = sum(weights.values()), round(Fraction(str(pool["cost"])) * 100)
        if not total:
            rows.append([None, pool["activity"], pool["category"], None, None, cents / 100, True])
            continue
        quotas = {who: abs(cents) * weight / total for who, weight in weights.items()}
        shares = {who: int(quota) for who, quota in quotas.items()}
        left = abs(cents) - sum(shares.values())
        for who in sorted(quotas, key=lambda who: (shares[who] - quotas[who], who))[:left]:
            shares[who] += 1
        sign, rate = (1 if cents >= 0 else -1), pool["cost"] / float(total)
        rows += [
            [who, pool["activity"], pool["category"], float(weights[who]), rate, sign * share / 100, False]
            for who, share in shares.items()
        ]
    return pd.DataFrame(rows, columns=COSTS)


def test_allocate_costs_on_every_engine():
    activities, drivers = company()
    expected = by_fractions(activities, drivers)
    assert expected["unassigned"].sum() == 2
    assert_parity(
        costing.allocate_costs,
        activities,
        drivers,
        expected=expected,
        keys=["activity", "customer_id"],
        crossing=2,
    )


def to_pandas_sorted(frame, keys):

    return to_pandas(frame).sort_values(keys, na_position="last").reset_index(drop=True)


def test_result_is_sorted_and_does_not_depend_on_the_order_of_rows():
    activities, drivers = company()
    first = costing.allocate_costs(activities, drivers)
    second = costing.allocate_costs(activities.iloc[::-1], drivers.sample(frac=1, random_state=2))
    pd.testing.assert_frame_equal(first, second)
    assert first["activity"].is_monotonic_increasing
    assert first["customer_id"].isna().to_numpy()[first["unassigned"].to_numpy()].all()


def test_pools_by_period():
    activities = pd.DataFrame({"activity": ["a", "a"], "month": [1, 2], "cost": [10.0, 30.0]})
    drivers = pd.DataFrame(
        {
            "customer_id": [1, 2, 1, 2],
            "activity": "a",
            "month": np.array([1, 1, 2, 2], dtype="int32"),
            "quantity": [1, 1, 2, 1],
        }
    )
    expected = pd.DataFrame(
        {
            "customer_id": [1, 2, 1, 2],
            "activity": "a",
            "month": [1, 1, 2, 2],
            "quantity": [1, 1, 2, 1],
            "cost_driver_rate": [5, 5, 10, 10],
            "cost": [5, 5, 20, 10],
            "unassigned": False,
        }
    )

    def allocate(pools, quantities):
        return costing.allocate_costs(pools, quantities, by="month")

    assert_parity(allocate, activities, drivers, expected=expected, keys=["month", "customer_id"], crossing=2)


def test_whole_number_keys_stay_whole_beside_an_unassigned_row():
    activities = pd.DataFrame({"activity": ["idle", "ship"], "cost": [7.0, 10.0]})
    drivers = pd.DataFrame({"customer_id": [12346, 12347], "activity": "ship", "quantity": [3, 1]})
    costs = costing.allocate_costs(activities, drivers)
    assert costs["customer_id"].dtype == "Int64"
    assert costs["customer_id"].dropna().tolist() == [12346, 12347]
    served = costing.cost_to_serve(costs)
    assert served["cost"].tolist() == [7.5, 2.5, 7.0]
    orders = pd.DataFrame({"customer_id": [12346], "amount": [100.0], "cost": [60.0]})
    for table in (costs, served):
        profit = profitability.customer_profit(orders, table)
        assert profit[["customer_id", "profit"]].to_numpy().tolist() == [[12346, 32.5], [12347, -2.5]]


def test_empty_tables_and_tables_without_drivers(engine):
    activities, drivers = company()
    none = costing.allocate_costs(engine(activities.head(0)), engine(drivers.head(0)))
    assert to_pandas_sorted(none, ["activity"]).empty
    alone = to_pandas_sorted(
        costing.allocate_costs(engine(activities), engine(drivers.head(0))), ["activity"]
    )
    assert alone["unassigned"].all()
    assert alone["cost"].sum() == pytest.approx(activities["cost"].sum())


def test_two_stages_from_the_ledger_to_customers():
    ledger = pd.DataFrame({"resource": ["salaries", "rent"], "cost": [1000.0, 500.0], "site": ["x", "y"]})
    hours = pd.DataFrame(
        {
            "resource": ["salaries", "salaries", "rent"],
            "activity": ["sell", "bill", "sell"],
            "hours": [30, 10, 7],
        }
    )
    first = costing.assign_costs(ledger, hours, pool="resource", target="activity", weight="hours")
    assert list(first.columns) == ["activity", "resource", "site", "hours", "rate", "cost", "unassigned"]
    activities = first.groupby("activity", as_index=False)["cost"].sum()
    assert activities["cost"].tolist() == [250.0, 1250.0]
    drivers = pd.DataFrame({"customer_id": ["a", "b"], "activity": "sell", "quantity": [4, 1]})
    costs = costing.allocate_costs(activities, drivers)
    assert costs["cost"].tolist() == [250.0, 1000.0, 250.0]
    assert costs["unassigned"].tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"quantity": [1.0, -1.0, 2.0]}, "`drivers`: 1 of 3 rows with a negative quantity"),
        ({"quantity": [1.0, None, 2.0]}, "`drivers`: 1 of 3 rows with no quantity"),
        ({"quantity": [1.0, float("inf"), 2.0]}, "`drivers`: 1 of 3 rows with an infinite quantity"),
        ({"customer_id": ["x", None, None]}, "`drivers`: 2 of 3 rows with no customer_id"),
        ({"activity": ["ship", None, "ship"]}, "`drivers`: 1 of 3 rows with no activity"),
        (
            {"activity": ["b", "ship", "a"]},
            r"2 rows name 2 values of activity that `activities` does not have \(a, b\)",
        ),
        ({"activity": list("abc")}, r"\(a, b, c\)\. Add them there with their amount, or filter these rows"),
        (
            {"activity": ["ship", "b", "ship"]},
            r"`drivers`: 1 row names 1 activity that `activities` does not have \(b\)\. "
            r"Add it there with its amount, or filter this row\.",
        ),
        ({"activity": ["ship", "b", "b"]}, r"2 rows name 1 activity .* Add it .* filter these rows"),
    ],
)
def test_unfit_drivers_are_refused(change, message):
    activities = pd.DataFrame({"activity": ["ship"], "cost": [10.0]})
    drivers = pd.DataFrame(
        {"customer_id": list("xyz"), "activity": ["ship"] * 3, "quantity": [1.0, 1.0, 2.0]}
    )
    with pytest.raises(DataError, match=message):
        costing.allocate_costs(activities, drivers.assign(**change))


def test_many_unknown_activities_are_counted(engine):
    activities = pd.DataFrame({"activity": ["ship"], "cost": [10.0]})
    drivers = pd.DataFrame({"customer_id": "x", "activity": list("abcdea"), "quantity": 1.0})
    with pytest.raises(DataError, match=r"6 rows name 5 values of activity .* \(a, b, c, …\)"):
        costing.allocate_costs(engine(activities), engine(drivers))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cost": [10.0, None]}, "`activities`: 1 of 2 rows with no cost"),
        ({"cost": [10.0, 1.005]}, "1 of 2 rows with a cost of more than 2 decimals"),
        ({"cost": [10.0, 1e300]}, r"1 of 2 rows with a cost above 1e\+15 minor units"),
        ({"cost": [10.0, float("inf")]}, r"above 1e\+15"),
        ({"activity": ["ship", "ship"]}, "2 of 2 rows with a repeated activity"),
        ({"activity": ["ship", None]}, "1 of 2 rows with no activity"),
    ],
)
def test_unfit_activities_are_refused(change, message):
    activities = pd.DataFrame({"activity": ["ship", "bill"], "cost": [10.0, 20.0]})
    drivers = pd.DataFrame({"customer_id": ["x"], "activity": ["ship"], "quantity": [1.0]})
    with pytest.raises(DataError, match=message):
        costing.allocate_costs(activities.assign(**change), drivers)


def test_frames_that_cannot_meet_are_refused():
    activities, drivers = company()
    with pytest.raises(ParameterError, match="`drivers` must be a frame of pandas, as `activities` is"):
        costing.allocate_costs(activities, to_engine(drivers, "polars"))
    with pytest.raises(ColumnError, match="`drivers` must have 'activity' of the type .* String. Got Int64"):
        costing.allocate_costs(activities, drivers.assign(activity=1))
    with pytest.raises(ColumnError, match="`activities` must have the column 'cost'"):
        costing.allocate_costs(activities.drop(columns="cost"), drivers)
    with pytest.raises(ParameterError, match="`digits`"):
        costing.allocate_costs(activities, drivers, digits=-1)
    with pytest.raises(ParameterError, match="`by` must be columns other than activity, customer_id"):
        costing.allocate_costs(activities, drivers, by="quantity")
    with pytest.raises(ColumnError, match="must not have the column 'customer_id', which the result adds"):
        costing.assign_costs(activities.assign(customer_id=1), drivers, pool="activity", target="customer_id")


def test_cost_to_serve_on_every_engine():
    activities, drivers = company()
    costs = costing.allocate_costs(activities, drivers)
    cents = (costs["cost"] * 100).round().astype(int)
    total = cents.groupby(costs["customer_id"], dropna=False).sum() / 100
    expected = total.reset_index()
    assert_parity(costing.cost_to_serve, costs, expected=expected, keys=["customer_id"], crossing=1)
    long = cents.groupby([costs["customer_id"], costs["category"]], dropna=False).sum() / 100
    assert_parity(
        lambda frame: costing.cost_to_serve(frame, by="category"),
        costs,
        expected=long.reset_index(),
        keys=["customer_id", "category"],
        crossing=1,
    )


def test_reconcile_on_every_engine():
    activities, drivers = company()
    costs = costing.allocate_costs(activities, drivers)
    whole = pd.DataFrame(
        {"allocated": [13312.33], "unassigned": [5099.99], "ledger": [18412.32], "difference": [0.0]}
    )
    assert_parity(costing.reconcile, costs, activities, expected=whole, keys=["ledger"], crossing=2)
    by_category = pd.DataFrame(
        {
            "category": ["distribution", "post-sale", "pre-sale", None],
            "allocated": [12345.67, -33.35, 1000.01, 0.0],
            "unassigned": [0.0, 99.99, 0.0, 5000.0],
            "ledger": [12345.67, 66.64, 1000.01, 5000.0],
            "difference": 0.0,
        }
    )
    assert_parity(
        lambda first, second: costing.reconcile(first, second, by="category"),
        costs,
        activities,
        expected=by_category,
        keys=["category"],
        crossing=2,
    )


def test_reconcile_shows_what_is_missing(engine):
    activities, drivers = company()
    costs = costing.allocate_costs(activities, drivers)
    lost = costs[costs["activity"] != "claims"]
    got = to_pandas_sorted(costing.reconcile(engine(lost), engine(activities)), ["ledger"])
    assert got["difference"].tolist() == [-99.99]
    none = to_pandas_sorted(costing.reconcile(engine(costs.head(0)), engine(activities.head(0))), ["ledger"])
    assert none.to_numpy().tolist() == [[0.0, 0.0, 0.0, 0.0]]


def test_reconcile_refuses_rows_without_a_flag():
    activities, drivers = company()
    costs = costing.allocate_costs(activities, drivers)
    broken = costs.assign(unassigned=costs["unassigned"].astype("boolean").where(costs.index > 1))
    with pytest.raises(DataError, match="2 of .* rows with no unassigned flag"):
        costing.reconcile(broken, activities)
