"""What every call must refuse with an error of its own: the values that arrive where others are meant."""

import math

import numpy as np
import pandas as pd
import pytest

from crmkit import clv, forecast, metrics, segmentation, stats
from crmkit.errors import ColumnError, CRMKitError, DataError, ParameterError
from crmkit.testing import to_engine, to_pandas

LOCAL = ("pandas", "pandas_arrow", "polars", "polars_lazy", "pyarrow", "duckdb")
ORDERS = pd.DataFrame(
    {
        "customer_id": ["a", "b"],
        "order_date": pd.to_datetime(["2024-01-03", "2024-02-20"]),
        "amount": [100.0, 30.0],
        "cost": [60.0, 10.0],
    }
)
COSTS = pd.DataFrame({"customer_id": ["a", "b"], "cost": [10.0, 20.0]})
PROFIT = pd.DataFrame({"customer_id": ["a", "b"], "profit": [80.0, -30.0], "revenue": [10.0, 20.0]})
ACTIVITIES = pd.DataFrame({"activity": ["deliver"], "cost": [100.0]})
DRIVERS = pd.DataFrame({"customer_id": ["a"], "activity": "deliver", "quantity": [1.0]})
LEADS = pd.DataFrame({"created_at": pd.to_datetime(["2024-01-01", "2024-01-02"]), "visits": [10, 9]})
BASE = pd.DataFrame({"net_price": [9.0, 1.0], "cost_to_serve": [2.0, 8.0]})
CREDIT = pd.DataFrame({"debt": ["high", "low"], "risk": ["good", "poor"], "w": [1.0, 1.0]})
PANEL = pd.DataFrame({"period": pd.date_range("2024", periods=4, freq="MS"), "value": [1.0, 2.0, 3.0, 4.0]})
TREE = segmentation.RiskTree(min_samples_leaf=1)
TOO_LARGE = (math.inf, -math.inf, 1e300, 2.0**62)


@pytest.mark.parametrize("engine", LOCAL)
@pytest.mark.parametrize("amount", TOO_LARGE)
def test_money_that_minor_units_cannot_hold_is_refused(engine, amount):
    def frame(table, column):
        return to_engine(table.assign(**{column: [amount, 1.0]}), engine)

    orders, costs = to_engine(ORDERS, engine), to_engine(COSTS, engine)
    wrong = r"1 of 2 rows with a {} above 1e\+15 minor units"
    for column in ("amount", "cost"):
        with pytest.raises(DataError, match=wrong.format(column)):
            metrics.customer_profit(frame(ORDERS, column), costs)
    with pytest.raises(DataError, match=wrong.format("cost")):
        metrics.customer_profit(orders, frame(COSTS, "cost"))
    for call in (metrics.whale_curve, metrics.whale_peak, metrics.pareto):
        with pytest.raises(DataError, match=wrong.format("profit")):
            call(frame(PROFIT, "profit"))
    with pytest.raises(DataError, match=wrong.format("revenue")):
        metrics.pareto(frame(PROFIT, "revenue"), rank_by="revenue")


@pytest.mark.parametrize("engine", LOCAL)
@pytest.mark.parametrize("amount", TOO_LARGE[:2])
def test_infinite_amounts_are_refused_where_a_sum_or_a_value_would_hide_them(engine, amount):
    orders = to_engine(ORDERS.assign(amount=[amount, 1.0]), engine)
    with pytest.raises(DataError, match="1 of 2 rows have an infinite value in 'amount'"):
        forecast.to_series(orders, as_of="2024-12-31")
    margins = to_engine(pd.DataFrame({"margin": [amount, 1.0], "retention": [0.8, 0.8]}), engine)
    for rate in (None, 0.8):
        with pytest.raises(DataError, match="1 of 2 rows have an infinite margin"):
            clv.lifetime_value_table(margins, discount=0.1, retention=rate)


@pytest.mark.parametrize("engine", LOCAL)
def test_texts_are_compared_with_texts_only(engine):
    # As texts '9' > '10', and engines write dates and flags differently.
    with pytest.raises(ColumnError, match="'visits' to compare it with one. Got the type Int64"):
        metrics.qualify(to_engine(LEADS, engine), mql="visits >= '9'", sql="visits == 'x'")


@pytest.mark.parametrize("engine", LOCAL)
def test_cells_that_are_no_texts(engine):
    with pytest.raises(ColumnError, match="'cell', as classify"):
        segmentation.cell_counts(to_engine(pd.DataFrame({"cell": [1, 2]}), engine), segmentation.SHAPIRO)
    unplaced = to_engine(pd.DataFrame({"cell": pd.Series([None, None], dtype=object)}), engine)
    counted = segmentation.cell_counts(unplaced, segmentation.SHAPIRO)
    assert _column(counted, "customers") == [0, 0, 0, 0, 2]


@pytest.mark.parametrize("engine", LOCAL)
def test_a_break_down_by_a_column_without_any_value(engine):
    leads = LEADS.assign(
        won_at=pd.to_datetime(["2024-01-05", None]), channel=pd.Series([None, None], dtype=object)
    )
    for call, more in ((metrics.time_to_close, {}), (metrics.mean_time_to_close, {"horizon_days": 3})):
        table = call(to_engine(leads, engine), as_of="2024-01-31", by="channel", **more)
        assert set(_column(table, "n")) == {2}


def _column(frame, name):
    return to_pandas(frame)[name].tolist()


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ([0.5, 1.5], "continuous"),
        ([pd.Timestamp("2024-01-01").date()] * 2, "unknown"),
        ([b"x", b"y"], "bytes"),
    ],
)
def test_classes_that_are_no_labels(target, found):
    table = CREDIT.assign(risk=pd.Series(target, dtype=None if found == "continuous" else object))
    with pytest.raises(DataError, match=f"{found}.*Convert the target"):
        TREE.fit(table[["debt"]], table["risk"])
    with pytest.raises(DataError, match=f"{found}.*Convert the target"):
        TREE.fit([[1.0], [2.0]], target)


def test_infinite_weights_of_a_tree():
    with pytest.raises(DataError, match="1 of 2 rows have an infinite 'w'"):
        TREE.fit_table(CREDIT.assign(w=[1.0, math.inf]), target="risk", weight="w")


def kind(value):
    """Name a parameter the same way in every process."""
    return type(value).__name__


NO_COLUMN = (None, 3, ["amount"], "", pd.NA, np.array(["a", "b"]), object())
ONE_COLUMN = {
    "amount": lambda x: metrics.assign_costs(
        ACTIVITIES, DRIVERS, pool="activity", target="customer_id", amount=x
    ),
    "weight": lambda x: metrics.assign_costs(
        ACTIVITIES, DRIVERS, pool="activity", target="customer_id", weight=x
    ),
    "value": lambda x: metrics.pareto(PROFIT, value=x),
    "date": lambda x: forecast.to_series(ORDERS, as_of="2024-12-31", date=x),
    "column": lambda x: segmentation.one_rule(CREDIT, column=x, target="risk"),
    "target": lambda x: segmentation.one_rule(CREDIT, column="debt", target=x),
    "target of a tree": lambda x: TREE.fit_table(CREDIT, target=x),
}
OPTIONAL_COLUMN = {
    "rank_by": lambda x: metrics.pareto(PROFIT, rank_by=x),
    "value": lambda x: forecast.to_series(ORDERS, as_of="2024-12-31", value=x),
    "value of a cell": lambda x: segmentation.cell_counts(
        pd.DataFrame({"cell": ["passive"]}), segmentation.SHAPIRO, value=x
    ),
    "weight": lambda x: TREE.fit_table(CREDIT, target="risk", weight=x),
}


@pytest.mark.parametrize("value", NO_COLUMN, ids=kind)
@pytest.mark.parametrize("name", ONE_COLUMN)
def test_names_of_one_column(name, value):
    with pytest.raises(ParameterError, match=f"`{name.split()[0]}` must be a column name"):
        ONE_COLUMN[name](value)


@pytest.mark.parametrize("value", NO_COLUMN[1:], ids=kind)
@pytest.mark.parametrize("name", OPTIONAL_COLUMN)
def test_names_of_an_optional_column(name, value):
    with pytest.raises(ParameterError, match=f"`{name.split()[0]}` must be a column name"):
        OPTIONAL_COLUMN[name](value)


def test_one_column_is_not_two():
    with pytest.raises(ParameterError, match="`target` must be another column"):
        segmentation.one_rule(CREDIT, column="risk", target="risk")
    for pool, target, name in (([], "customer_id", "pool"), ("activity", None, "target")):
        with pytest.raises(ParameterError, match=f"`{name}` must be at least one column name"):
            metrics.assign_costs(ACTIVITIES, DRIVERS, pool=pool, target=target)


NO_LIST = (None, 3, 0.5, "ab", b"ab", {"a": 1}, set(), [], math.nan, object())
LISTS = {
    "weights": lambda x: forecast.weighted_moving_average(PANEL, weights=x),
    "windows": lambda x: forecast.choose_window(PANEL, windows=x),
    "retentions": lambda x: clv.margin_multiple_table(x),
    "discounts": lambda x: clv.margin_multiple_table([0.5], x),
    "stages": lambda x: metrics.funnel(LEADS, as_of="2024-12-31", stages=x),
    "levels": lambda x: segmentation.Axis("a", "b", x),
    "axes": lambda x: segmentation.Matrix("m", x, segmentation.SHAPIRO.cells, "s"),
    "cells": lambda x: segmentation.Matrix("m", segmentation.SHAPIRO.axes, x, "s"),
}


@pytest.mark.parametrize("value", NO_LIST, ids=kind)
@pytest.mark.parametrize("name", LISTS)
def test_lists_that_are_none(name, value):
    with pytest.raises(ParameterError, match=f"`{name}`"):
        LISTS[name](value)


def test_lists_of_other_kinds():
    listed = forecast.choose_window(PANEL, windows=[1, 2])
    pd.testing.assert_frame_equal(forecast.choose_window(PANEL, windows=range(1, 3)), listed)
    pd.testing.assert_frame_equal(forecast.choose_window(PANEL, windows=np.array([2, 1])), listed)


@pytest.mark.parametrize("call", [segmentation.classify, segmentation.cell_counts, segmentation.matrix_cuts])
def test_a_matrix_that_is_none(call):
    with pytest.raises(ParameterError, match="`matrix` must be a Matrix"):
        call(BASE, "shapiro")


@pytest.mark.parametrize("as_of", ["9999-12-31", "0001-01-01", np.array([1, 2]), np.datetime64("NaT")])
def test_as_of_without_a_day_after(as_of):
    with pytest.raises(ParameterError, match="`as_of` must be a date"):
        metrics.lead_to_qualified(LEADS.assign(qualified_at=pd.NaT), as_of=as_of)
    with pytest.raises(ParameterError, match="`as_of` must be a date"):
        forecast.to_series(ORDERS, as_of=as_of)


HUGE = 10**400
NUMBERS = {
    "digits": lambda x: metrics.whale_peak(PROFIT, digits=x),
    "confidence": lambda x: stats.proportion(1, 2, confidence=x),
    "qualified": lambda x: metrics.required_leads(x, ratio=0.5),
    "periods": lambda x: clv.margin_multiple(retention=0.5, discount=0.1, periods=x),
    "retention": lambda x: clv.margin_multiple(retention=x, discount=0.1),
    "total": lambda x: stats.allocate(x, [1, 2]),
    "cuts": lambda x: stats.given_cuts([x]),
    "weights": lambda x: stats.apportion(5, [x, 1]),
    "value": lambda x: clv.company_value(1, x),
    "n": lambda x: stats.delta_method(lambda t: t[0], 1.0, 1.0, n=x),
}


@pytest.mark.parametrize(
    "value", [HUGE, "a", None, [1, "a"], object()], ids=["huge", "text", "None", "list", "object"]
)
@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_that_are_none_or_beyond_a_float(name, value):
    if value is None and name in ("periods", "n"):
        return  # it has a meaning there
    with pytest.raises(CRMKitError):
        NUMBERS[name](value)


def test_whole_numbers_beyond_64_bits():
    with pytest.raises(ParameterError, match="`periods` must be an integer.* within 64 bits"):
        clv.margin_multiple(retention=0.5, discount=0.1, periods=2**63)
    with pytest.raises(ParameterError, match="`total` must be at most"):
        stats.allocate(1e308, [1])


@pytest.mark.parametrize("value", ["a", {"a": 1}, [HUGE], ["x", "y"]], ids=repr)
def test_arrays_that_are_no_numbers(value):
    calls = (
        lambda: stats.bootstrap_interval(value, np.mean, random_state=0),
        lambda: stats.quantile_cuts(value, 2),
        lambda: stats.wilson_bounds(value, [5, 6]),
        lambda: stats.delta_method(lambda t: t[0], value, 1.0),
        lambda: stats.delta_method(lambda t: t[0], 1.0, value),
        lambda: stats.cumulative_incidence(value, ["won"]),
        lambda: stats.proportion(value, 5),
        lambda: stats.newcombe_difference(1, 2, value, 5),
    )
    for call in calls:
        with pytest.raises(CRMKitError):
            call()


def test_wilson_bounds_of_columns_of_different_length():
    with pytest.raises(
        DataError, match=r"successes and n must be of one length. Found the shapes \(2,\) and \(3,\)"
    ):
        stats.wilson_bounds([1, 2], [5, 6, 7])


def test_causes_are_a_list():
    with pytest.raises(ParameterError, match="`causes`"):
        stats.cumulative_incidence([1, 2], ["won", None], causes=3)


RESULT_NAMES = ("rate", "units", "unassigned", "cost_driver_rate", "_rows", "_units", "_share", "_weight")


@pytest.mark.parametrize("name", RESULT_NAMES)
def test_costs_are_not_broken_down_by_a_column_of_the_result(name):
    activities, drivers = ACTIVITIES.assign(**{name: 1}), DRIVERS.assign(**{name: 1})
    with pytest.raises(ParameterError, match="`by` must be columns other than"):
        metrics.allocate_costs(activities, drivers, by=name)
    if name == "cost_driver_rate":
        return  # only `allocate_costs` adds it
    with pytest.raises(ParameterError, match="`pool` must be columns other than"):
        metrics.assign_costs(activities, drivers, pool=["activity", name], target="customer_id")
    with pytest.raises(ParameterError, match="`target` must be columns other than"):
        metrics.assign_costs(ACTIVITIES, drivers, pool="activity", target=["customer_id", name])
    with pytest.raises(ColumnError, match="rename it"):
        metrics.assign_costs(activities, DRIVERS, pool="activity", target="customer_id")


@pytest.mark.parametrize("name", ["allocated", "ledger", "difference"])
def test_a_reconciliation_is_not_broken_down_by_its_own_figures(name):
    costs = COSTS.assign(unassigned=False, **{name: 1})
    with pytest.raises(ParameterError, match="`by` must be columns other than"):
        metrics.reconcile(costs, ACTIVITIES.assign(**{name: 1}), by=name)


@pytest.mark.parametrize("name", ["_rows", "_placed", "_base", "_created_at"])
def test_names_of_the_way_are_not_groups(name):
    leads = LEADS.assign(qualified_at=pd.NaT, **{name: "x"})
    with pytest.raises(ParameterError, match="do not begin with an underscore"):
        metrics.lead_to_qualified(leads, as_of="2024-12-31", by=name)


@pytest.mark.parametrize("name", ["_place", "_distance_net_price"])
def test_no_column_of_the_customers_is_lost_to_a_matrix(name):
    with pytest.raises(ColumnError, match=name):
        segmentation.classify(BASE.assign(**{name: 1}), segmentation.SHAPIRO, cuts=5)


def test_tables_of_two_duckdb_connections():
    duckdb = pytest.importorskip("duckdb")
    with duckdb.connect() as first, duckdb.connect() as second:
        with pytest.raises(ParameterError, match="`drivers` must be a relation of the same connection"):
            metrics.allocate_costs(first.from_df(ACTIVITIES), second.from_df(DRIVERS))
        costs = metrics.allocate_costs(first.from_df(ACTIVITIES), first.from_df(DRIVERS))
        assert _column(costs, "cost") == [100.0]
