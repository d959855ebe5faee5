"""Time equations, charges for minutes and unused capacity on every engine, by hand."""

import pandas as pd
import pytest

from crmkit.errors import ColumnError, DataError, ParameterError
from crmkit.metrics import costing, time_driven, time_equations
from crmkit.testing import assert_parity, to_pandas


def events():
    return pd.DataFrame(
        {
            "event": [1, 2, 3],
            "lines": [1, 4, 2],
            "new": [True, False, False],
            "channel": ["fax", "web", "fax"],
            "weight": [0.5, 20.0, 7.5],
        }
    )


EQUATION = "8 + 2 * lines + 3.5 * new + 5 * (channel == 'fax' and lines < 2) + 0.5 * lines * (weight > 7)"


def test_event_minutes_on_every_engine():
    expected = events().assign(minutes=[8 + 2 + 3.5 + 5, 8 + 8 + 2.0, 8 + 4 + 1.0])
    assert_parity(
        lambda frame: time_equations.event_minutes(frame, equation=EQUATION),
        events(),
        expected=expected,
        keys=["event"],
        crossing=2,
    )


def test_a_table_of_terms_says_the_same():
    terms = {
        "1": 8,
        "lines": 2,
        "new": 3.5,
        "channel == 'fax' and lines < 2": 5,
        "lines * (weight > 7)": 0.5,
    }
    first = time_equations.event_minutes(events(), equation=EQUATION)
    pd.testing.assert_frame_equal(first, time_equations.event_minutes(events(), equation=terms))
    less = time_equations.event_minutes(events(), equation="10 - 2 * (channel == 'web')")
    assert less["minutes"].tolist() == [10, 8, 10]
    assert time_equations.event_minutes(events(), equation="4")["minutes"].tolist() == [4, 4, 4]


@pytest.mark.parametrize(
    "equation",
    [
        *(
            "",
            "8 +",
            "lines / 2",
            "lines ** 2",
            "max(lines, 2)",
            "lines.sum()",
            "'fax'",
            "True",
            "8 if new else 1",
        ),
        *("-lines", "8 + inf()", "new + lines[0]", {}, {"lines": "2"}, {"lines": True}, {3: 2.0}, None, 8),
        *("lines + 2 * (lines == 'two')", "2 * (lines == 'two') + lines", "1e999"),
    ],
)
def test_what_is_no_equation_is_refused(equation):
    with pytest.raises(ParameterError, match="`equation` must be minutes and drivers such as '8 \\+ 2"):
        time_equations.event_minutes(events(), equation=equation)


def test_events_that_do_not_fit_are_refused(engine):
    minutes = time_equations.event_minutes
    with pytest.raises(ColumnError, match=r"`frame` must have the column 'line' \(did you mean 'lines'"):
        minutes(engine(events()), equation="8 + 2 * line")
    with pytest.raises(ColumnError, match="`frame` must have numbers in 'channel'"):
        minutes(engine(events()), equation="8 + 2 * channel")
    with pytest.raises(ColumnError, match="`events` must have texts in the columns .* Float64 in 'weight'"):
        minutes(engine(events()), equation="8 + 2 * (weight == 'heavy')")
    with pytest.raises(ColumnError, match="must not have the column 'minutes'"):
        minutes(engine(events().assign(minutes=1)), equation="8")
    with pytest.raises(DataError, match="1 of 3 rows with no weight"):
        minutes(engine(events().assign(weight=[1.0, None, 2.0])), equation="8 + 2 * (weight > 1)")
    with pytest.raises(DataError, match="2 of 3 rows with negative minutes"):
        minutes(engine(events()), equation="3 - 2 * lines")
    with pytest.raises(DataError, match=r"3 of 3 rows with more than 1e\+09 minutes"):
        minutes(engine(events()), equation="1e10")


def company():
    resources = pd.DataFrame(
        {
            "resource": ["phone", "shop", "lab", "idle"],
            "category": ["post-sale", "distribution", "production", "post-sale"],
            "cost": [1000.0, 333.33, 100.0, 50.0],
            "capacity_minutes": [1250.0, 1000.0, 125.0, 100.0],
        }
    )
    times = pd.DataFrame(
        {
            "customer_id": [1, 2, 1, 2, 3, 1, 3],
            "resource": ["phone", "phone", "shop", "shop", "shop", "lab", "lab"],
            "minutes": [200.0, 300.5, 100.0, 100.0, 100.0, 75.0, 75.0],
        }
    )
    return resources, times


def test_time_driven_costs_on_every_engine():
    # phone: 1 a minute. shop: 333.33 / 800 = 0.4166625 a minute, 300 minutes are 124.99875, so 125.00 in
    # thirds. lab: 100 practical minutes at 1, of which 150 are used. Nobody uses the last one.
    expected = pd.DataFrame(
        [
            [1, "phone", "post-sale", 200.0, 1.0, 200.0, False],
            [2, "phone", "post-sale", 300.5, 1.0, 300.5, False],
            [None, "phone", "post-sale", 499.5, 1.0, 499.5, True],
            [1, "shop", "distribution", 100.0, 0.4166625, 41.67, False],
            [2, "shop", "distribution", 100.0, 0.4166625, 41.67, False],
            [3, "shop", "distribution", 100.0, 0.4166625, 41.66, False],
            [None, "shop", "distribution", 500.0, 0.4166625, 208.33, True],
            [1, "lab", "production", 75.0, 1.0, 75.0, False],
            [3, "lab", "production", 75.0, 1.0, 75.0, False],
            [None, "lab", "production", -50.0, 1.0, -50.0, True],
            [None, "idle", "post-sale", 80.0, 0.625, 50.0, True],
        ],
        columns=[
            *("customer_id", "resource", "category", "minutes"),
            *("capacity_cost_rate", "cost", "unassigned"),
        ],
    )
    resources, times = company()
    assert_parity(
        time_driven.time_driven_costs,
        resources,
        times,
        expected=expected,
        keys=["resource", "customer_id"],
        crossing=4,
    )
    costs = time_driven.time_driven_costs(resources, times)
    assert costing.reconcile(costs, resources)["difference"].tolist() == [0.0]
    assert costing.reconcile(costs, resources, by="category")["difference"].tolist() == [0.0] * 3


def test_capacity_use_on_every_engine():
    expected = pd.DataFrame(
        [
            ["phone", 1000.0, 500.5, 499.5, 0.5005, 1.0, 500.5, 499.5, False],
            ["shop", 800.0, 300.0, 500.0, 0.375, 0.4166625, 125.0, 208.33, False],
            ["lab", 100.0, 150.0, -50.0, 1.5, 1.0, 150.0, -50.0, True],
            ["idle", 80.0, 0.0, 80.0, 0.0, 0.625, 0.0, 50.0, False],
        ],
        columns=[
            *("resource", "practical_minutes", "used_minutes", "unused_minutes", "utilization"),
            *("capacity_cost_rate", "used_cost", "unused_cost", "over_capacity"),
        ],
    )
    assert_parity(time_driven.capacity_use, *company(), expected=expected, keys=["resource"], crossing=4)


def test_activities_and_periods_are_kept_apart():
    resources = pd.DataFrame(
        {"resource": "desk", "month": [1, 2], "cost": [100.0, 200.0], "capacity_minutes": 100.0}
    )
    times = pd.DataFrame(
        {
            "customer_id": "a",
            "resource": "desk",
            "month": [1, 1, 2],
            "activity": ["sell", "bill", "sell"],
            "minutes": [10.0, 20.0, 30.0],
        }
    )
    options = {"practical_share": 1, "by": ["month", "activity"]}
    costs = time_driven.time_driven_costs(resources, times, **options)
    assert costs[["month", "activity", "cost"]].astype(object).where(costs.notna(), None).values.tolist() == [
        [1, "bill", 20.0],
        [1, "sell", 10.0],
        [1, None, 70.0],
        [2, "sell", 60.0],
        [2, None, 140.0],
    ]
    use = time_driven.capacity_use(resources, times, practical_share=1, by="month")
    assert use["utilization"].tolist() == [0.3, 0.3]
    with pytest.raises(ColumnError, match="must have the column 'activity'"):
        time_driven.capacity_use(resources, times, by="activity")
    with pytest.raises(ColumnError, match="must have the column 'region'"):
        time_driven.time_driven_costs(resources.assign(region="x"), times, by="region")


def test_without_times_everything_is_unused(engine):
    resources, times = company()
    costs = to_pandas(time_driven.time_driven_costs(engine(resources), engine(times.head(0))))
    assert costs["unassigned"].all()
    assert costs["cost"].sum() == pytest.approx(1483.33)
    none = time_driven.time_driven_costs(engine(resources.head(0)), engine(times.head(0)))
    assert to_pandas(none).empty


@pytest.mark.parametrize(
    ("table", "change", "message"),
    [
        (0, {"capacity_minutes": 0.5}, "4 of 4 rows with a capacity below 1 minute"),
        (0, {"capacity_minutes": None}, "4 of 4 rows with no capacity_minutes"),
        (0, {"capacity_minutes": float("inf")}, "4 of 4 rows with an infinite capacity"),
        (0, {"resource": "phone"}, "4 of 4 rows with a repeated resource"),
        (0, {"cost": 0.001}, "4 of 4 rows with a cost of more than 2 decimals"),
        (1, {"minutes": -1.0}, "7 of 7 rows with a negative minutes"),
        (1, {"minutes": 2e9}, r"7 of 7 rows with more than 1e\+09 minutes"),
        (1, {"customer_id": None}, "7 of 7 rows with no customer_id"),
        (1, {"resource": "desk"}, r"7 rows name 1 resource that `resources` does not have \(desk\)"),
    ],
)
def test_unfit_tables_are_refused(table, change, message):
    tables = list(company())
    tables[table] = tables[table].assign(**change)
    if change == {"capacity_minutes": None}:
        tables[0]["capacity_minutes"] = tables[0]["capacity_minutes"].astype(float)
    with pytest.raises(DataError, match=message):
        time_driven.time_driven_costs(*tables)


def test_unfit_arguments_are_refused():
    resources, times = company()
    for share in (0, 1.2):
        with pytest.raises(ParameterError, match="`practical_share` must be a finite number above 0 and at"):
            time_driven.time_driven_costs(resources, times, practical_share=share)
    with pytest.raises(ParameterError, match="`by` must be columns other than"):
        time_driven.time_driven_costs(resources, times, by="minutes")
    with pytest.raises(ParameterError, match="`theoretical_minutes` must be a finite number above 0"):
        time_driven.capacity_cost_rate(1, theoretical_minutes=0)


def test_capacity_rate_says_what_it_was_made_from():
    rate = time_driven.capacity_cost_rate(1000, theoretical_minutes=500)
    assert rate.to_dict() == {
        "cost": 1000.0,
        "theoretical_minutes": 500.0,
        "practical_share": 0.8,
        "practical_minutes": 400.0,
        "rate": 2.5,
    }
    assert float(rate) == 2.5
    assert repr(rate) == "CapacityRate(2.5 a minute: 1,000 for 400 practical minutes)"
