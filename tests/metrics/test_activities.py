"""From the ledger to customers in two stages on every engine: categories, kinds of driver, what is left."""

import numpy as np
import pandas as pd
import pytest

from crmkit.errors import ColumnError, DataError, ParameterError
from crmkit.metrics import activities, costing
from crmkit.testing import assert_parity, to_engine, to_pandas


def books():
    ledger = pd.DataFrame(
        {
            "resource": ["salaries", "salaries", "salaries", "rent", "fees"],
            "category": ["pre-sale", "post-sale", "post-sale", "post-sale", "pre-sale"],
            "cost": [600.0, 300.01, -100.0, 50.0, 7.77],
        }
    )
    hours = pd.DataFrame(
        {
            "resource": ["salaries", "salaries", "rent", "salaries"],
            "activity": ["sell", "bill", "bill", "bill"],
            "quantity": [3.0, 0.5, 10.0, 0.5],
        }
    )
    return ledger, hours


def quantities():
    return pd.DataFrame(
        {
            "customer_id": ["a", "b", "b", "c"],
            "activity": ["sell", "sell", "bill", "bill"],
            "quantity": [1.0, 3.0, 0.0, 2.0],
        }
    )


def test_activity_costs_on_every_engine():
    ledger, hours = books()
    # 800.01 of salaries at 3 : 1 are 600.0075 and 200.0025: the odd cent goes to the larger fraction
    expected = pd.DataFrame(
        {
            "activity": ["sell", "bill", None],
            "cost": [600.01, 250.0, 7.77],
            "unassigned": [False, False, True],
        }
    )
    assert_parity(activities.activity_costs, ledger, hours, expected=expected, keys=["activity"], crossing=3)


def test_categories_of_the_ledger_are_carried_on_every_engine():
    ledger, hours = books()
    expected = pd.DataFrame(
        [
            ["bill", "post-sale", 100.0, False],
            ["bill", "pre-sale", 150.0, False],
            ["sell", "post-sale", 150.01, False],
            ["sell", "pre-sale", 450.0, False],
            [None, "pre-sale", 7.77, True],
        ],
        columns=["activity", "category", "cost", "unassigned"],
    )

    def stage(first, second):
        return activities.activity_costs(first, second, by="category")

    assert_parity(stage, ledger, hours, expected=expected, keys=["activity", "category"], crossing=3)


def both_stages(ledger, hours, drivers):
    pools = activities.activity_costs(ledger, hours, by="category")
    return costing.allocate_costs(pools, drivers, by="category")


def test_two_stages_with_categories_on_every_engine():
    ledger, hours = books()
    expected = pd.DataFrame(
        [
            ["c", "bill", "post-sale", 2.0, 50.0, 100.0, False],
            ["b", "bill", "post-sale", 0.0, 50.0, 0.0, False],
            ["c", "bill", "pre-sale", 2.0, 75.0, 150.0, False],
            ["b", "bill", "pre-sale", 0.0, 75.0, 0.0, False],
            ["a", "sell", "post-sale", 1.0, 37.5025, 37.50, False],
            ["b", "sell", "post-sale", 3.0, 37.5025, 112.51, False],
            ["a", "sell", "pre-sale", 1.0, 112.5, 112.50, False],
            ["b", "sell", "pre-sale", 3.0, 112.5, 337.50, False],
            [None, None, "pre-sale", None, None, 7.77, True],
        ],
        columns=[
            *("customer_id", "activity", "category", "quantity"),
            *("cost_driver_rate", "cost", "unassigned"),
        ],
    )
    assert_parity(
        both_stages,
        ledger,
        hours,
        quantities(),
        expected=expected,
        keys=["activity", "category", "customer_id"],
        crossing=5,
    )


@pytest.mark.parametrize("name", ["pandas", "polars_lazy"])  # both stages in one plan are slow on Spark
def test_two_stages_reconcile_with_the_ledger(name):
    ledger, hours, drivers = (to_engine(frame, name) for frame in (*books(), quantities()))
    (row,) = to_pandas(costing.reconcile(both_stages(ledger, hours, drivers), ledger)).to_dict("records")
    assert row == {"allocated": 850.01, "unassigned": 7.77, "ledger": 857.78, "difference": 0.0}


def test_resources_kept_apart_and_properties_of_the_activity():
    ledger, hours = books()
    hours["group"] = hours["activity"].map({"sell": "order-related", "bill": "volume-based"})
    pools = activities.activity_costs(ledger, hours, by=["resource", "group"])
    assert list(pools.columns) == ["activity", "resource", "group", "cost", "unassigned"]
    assert pools.values.tolist()[:3] == [
        ["bill", "rent", "volume-based", 50.0, False],
        ["bill", "salaries", "volume-based", 200.0, False],
        ["sell", "salaries", "order-related", 600.01, False],
    ]
    assert pools.iloc[3]["resource"] == "fees"
    assert pools.iloc[3][["activity", "group"]].isna().all()
    costs = costing.allocate_costs(pools, quantities(), by=["resource", "group"])
    assert costs.loc[costs["group"] == "order-related", "cost"].sum() == pytest.approx(600.01)


def test_drivers_split_what_a_customer_receives():
    pools = pd.DataFrame({"activity": ["sell"], "cost": [100.0]})
    drivers = pd.DataFrame(
        {"customer_id": ["a", "a", "b"], "activity": "sell", "channel": ["web", "shop", "web"], "quantity": 1}
    )
    costs = costing.allocate_costs(pools, drivers, by="channel")
    assert costs[["customer_id", "channel", "cost"]].values.tolist() == [
        ["a", "shop", 33.34],
        ["a", "web", 33.33],
        ["b", "web", 33.33],
    ]


def kinds():
    pools = pd.DataFrame(
        {
            "activity": ["orders", "calls", "engineering", "trips", "legal"],
            "cost": [90.0, 60.0, 1000.0, 10.0, 5.0],
            "driver_kind": ["transaction", "duration", "intensity", "intensity", "intensity"],
        }
    )
    drivers = pd.DataFrame(
        {
            "customer_id": ["a", "b", "a", "b", "a", "a", "b"],
            "activity": ["orders", "orders", "calls", "calls", "engineering", "engineering", "trips"],
            "quantity": [1.0, 2.0, 15.0, 5.0, 400.25, 99.5, 12.0],
        }
    )
    return pools, drivers


def test_kinds_of_driver_on_every_engine():
    pools, drivers = kinds()
    expected = pd.DataFrame(
        [
            ["a", "orders", 1.0, 30.0, 30.0, False],
            ["b", "orders", 2.0, 30.0, 60.0, False],
            ["a", "calls", 15.0, 3.0, 45.0, False],
            ["b", "calls", 5.0, 3.0, 15.0, False],
            ["a", "engineering", 499.75, 1.0, 499.75, False],
            [None, "engineering", None, None, 500.25, True],
            ["b", "trips", 12.0, 1.0, 12.0, False],
            [None, "trips", None, None, -2.0, True],
            [None, "legal", None, None, 5.0, True],
        ],
        columns=["customer_id", "activity", "quantity", "cost_driver_rate", "cost", "unassigned"],
    )
    assert_parity(
        costing.allocate_costs,
        pools,
        drivers,
        expected=expected,
        keys=["activity", "customer_id"],
        crossing=4,
    )


def test_a_pool_that_is_charged_in_full_leaves_no_row():
    pools = pd.DataFrame({"activity": ["trips"], "cost": [12.0], "driver_kind": "intensity"})
    drivers = pd.DataFrame({"customer_id": [7], "activity": "trips", "quantity": [12.0]})
    costs = costing.allocate_costs(pools, drivers)
    assert costs[["customer_id", "cost", "unassigned"]].values.tolist() == [[7, 12.0, False]]


def test_kinds_that_do_not_fit_are_refused():
    pools, drivers = kinds()
    with pytest.raises(DataError, match="5 of 5 rows with a driver_kind other than transaction, duration"):
        costing.allocate_costs(pools.assign(driver_kind="hours"), drivers)
    with pytest.raises(DataError, match="3 of 5 rows with the driver_kind intensity, split by site"):
        costing.allocate_costs(pools.assign(site="x"), drivers, by="site")
    with pytest.raises(DataError, match="1 of 3 rows with a quantity of more than 2 decimals"):
        costing.allocate_costs(pools, drivers.assign(quantity=[*drivers["quantity"][:-1], 1.005]))
    unknown = costing.allocate_costs(pools.assign(driver_kind=np.nan), drivers)
    assert unknown.loc[unknown["activity"] == "engineering", "cost"].tolist() == [1000.0]


def test_drivers_of_unknown_customers_are_refused(engine):
    pools, drivers = kinds()
    known = pd.DataFrame({"customer_id": ["b", "c"]})
    with pytest.raises(DataError, match=r"`drivers`: 4 rows name 1 customer_id that `customers` does not"):
        costing.allocate_costs(engine(pools), engine(drivers), customers=engine(known))
    with pytest.raises(ParameterError, match="`customers` must be a frame of pandas, as `activities` is"):
        costing.allocate_costs(pools, drivers, customers=to_engine(known, "polars"))
    everyone = pd.DataFrame({"customer_id": ["a", "b", "c"]})
    assert len(costing.allocate_costs(pools, drivers, customers=everyone)) == 9


def test_a_target_may_not_bear_a_name_of_the_result():
    pools, drivers = kinds()
    with pytest.raises(ParameterError, match="`pool` must be at least one column name"):
        costing.assign_costs(pools, drivers, pool=[], target="customer_id")
    with pytest.raises(ParameterError, match="`target` must be columns other than"):
        costing.assign_costs(pools, drivers, pool="activity", target="rate")


def test_only_an_earlier_stage_may_lack_the_activity():
    pools = pd.DataFrame({"activity": ["sell", None], "cost": [10.0, 1.0], "unassigned": [False, True]})
    drivers = pd.DataFrame({"customer_id": ["a"], "activity": ["sell"], "quantity": [1.0]})
    costs = costing.allocate_costs(pools, drivers)
    assert costs["cost"].tolist() == [10.0, 1.0]
    assert costs["unassigned"].tolist() == [False, True]
    with pytest.raises(DataError, match="1 of 2 rows with no activity"):
        costing.allocate_costs(pools.assign(unassigned=False), drivers)
    with pytest.raises(DataError, match="1 of 2 rows with no activity"):
        costing.allocate_costs(pools.drop(columns="unassigned"), drivers)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"resource": ["salaries", None, "x", "rent", "fees"]}, "1 of 5 rows with no resource"),
        ({"cost": [1, 2, 3, None, 5]}, "1 of 5 rows with no cost"),
        ({"cost": [1, 2, 3, 0.001, 5]}, "1 of 5 rows with a cost of more than 2 decimals"),
        ({"resource": "rent"}, r"3 rows name 1 resource that `ledger` does not have \(salaries\)"),
    ],
)
def test_unfit_ledgers_are_refused(change, message):
    ledger, hours = books()
    with pytest.raises(DataError, match=message):
        activities.activity_costs(ledger.assign(**change), hours)


def test_columns_of_a_breakdown_must_exist():
    ledger, hours = books()
    with pytest.raises(ColumnError, match=r"`ledger` must have the column 'categori' \(did you mean"):
        activities.activity_costs(ledger, hours, by="categori")
    with pytest.raises(ParameterError, match="`by` must be columns other than"):
        activities.activity_costs(ledger, hours, by="cost")
    with pytest.raises(DataError, match="1 of 5 rows with no category"):
        activities.activity_costs(ledger.assign(category=[None, "p", "p", "p", "q"]), hours, by="category")
    assert activities.activity_costs(ledger.head(0), hours.head(0)).empty


def events():
    return pd.DataFrame({"customer_id": ["b", "a", "b"], "minutes": [5.0, 2.5, 0.0], "fee": [0.1, 3.0, 0.2]})


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [1.0, 2.0]),
        ({"quantity": "minutes"}, [2.5, 5.0]),
        ({"kind": "duration", "quantity": "minutes"}, [2.5, 5.0]),
        ({"kind": "intensity", "quantity": "fee"}, [3.0, 0.3]),
    ],
)
def test_cost_drivers_on_every_engine(options, expected):
    def counted(frame):
        return activities.cost_drivers(frame, activity="serve", **options)

    table = pd.DataFrame({"customer_id": ["a", "b"], "activity": "serve", "quantity": expected})
    assert_parity(counted, events(), expected=table, keys=["customer_id"], crossing=1)


def test_unfit_events_are_refused():
    count = activities.cost_drivers
    with pytest.raises(ParameterError, match="`quantity` must be the name of a column for the kind duration"):
        count(events(), activity="serve", kind="duration")
    with pytest.raises(ParameterError, match="`kind` must be one of 'transaction', 'duration', 'intensity'"):
        count(events(), activity="serve", kind="hours")
    with pytest.raises(ParameterError, match="`activity` must be the name of an activity"):
        count(events(), activity="")
    with pytest.raises(DataError, match="`events`: 1 of 3 rows with no customer_id"):
        count(events().assign(customer_id=["a", None, "b"]), activity="serve")
    with pytest.raises(DataError, match="1 of 3 rows with a negative quantity"):
        count(events().assign(minutes=[1, -1, 1]), activity="serve", quantity="minutes")
    with pytest.raises(DataError, match="3 of 3 rows with a quantity of more than 2 decimals"):
        count(events().assign(fee=0.123), activity="serve", kind="intensity", quantity="fee")
    assert count(events().head(0), activity="serve").empty


def test_a_ledger_that_nothing_drives_is_unassigned_in_both_stages_on_every_engine():
    """In pandas a column that is null in every row has no type of its own to meet the drivers with."""
    ledger, hours = books()
    expected = pd.DataFrame(
        [[None, None, None, None, ledger["cost"].sum(), True]],
        columns=["customer_id", "activity", "quantity", "cost_driver_rate", "cost", "unassigned"],
    )

    def stages(ledger, hours, drivers):
        return costing.allocate_costs(activities.activity_costs(ledger, hours), drivers)

    nobody = hours.assign(quantity=0.0)
    assert_parity(stages, ledger, nobody, quantities().head(0), expected=expected, keys=["cost"], crossing=5)
