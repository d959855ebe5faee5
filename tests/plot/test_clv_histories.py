"""Matrices of frequency and recency, and the life of one customer."""

from functools import partial

import duckdb
import matplotlib.dates
import numpy as np
import pandas as pd
import pytest

from crmkit import clv, datasets, plot
from crmkit.errors import ColumnError, DataError, ParameterError

AS_OF = "1997-09-30"


@pytest.fixture(scope="module")
def orders():
    return datasets.load_cdnow(sample=True)


@pytest.fixture(scope="module")
def summary(orders):
    return clv.summarize(orders, as_of=AS_OF, after="drop")


@pytest.fixture(scope="module")
def model(summary):
    return clv.ParetoNBD().fit(summary)


@pytest.fixture(scope="module")
def donors():
    table = {
        "frequency": [6, 5, 4, 3, 2, 1, 5, 4, 3, 2, 1, 4, 3, 2, 1, 3, 2, 1, 2, 1, 1, 0],
        "recency": [6, 6, 6, 6, 6, 6, 5, 5, 5, 5, 5, 4, 4, 4, 4, 3, 3, 3, 2, 2, 1, 0],
        "weight": [12, 7, 5, 4, 2, 1, 3, 3, 2, 2, 1, 2, 2, 2, 1, 3, 3, 1, 6, 3, 11, 35],
    }
    return pd.DataFrame({**table, "n_periods": 6})


def field(figure):
    """Return the fields as a table: frequency, recency, values."""
    (mesh,) = figure.axes[0].collections
    values = np.ma.filled(mesh.get_array(), np.nan)
    ends = mesh.get_coordinates()
    recency = (ends[0, 1:, 0] + ends[0, :-1, 0]) / 2
    frequency = (ends[1:, 0, 1] + ends[:-1, 0, 1]) / 2
    return frequency, recency, values


def test_fields_hold_what_the_model_says_of_their_history(summary, model):
    frequency, recency, values = field(plot.expected_purchases_matrix(model, summary, horizon=39))
    assert values.shape == (30, 61)
    one = pd.DataFrame({"frequency": [7.0], "recency": [recency[40]], "T": [summary["T"].max()]})
    assert frequency[7] == pytest.approx(7)
    found = model.expected_purchases(one, horizon=39)["expected_purchases"].item()
    assert values[7, 40] == pytest.approx(found)
    assert np.isnan(values[0, 1:]).all()
    assert np.isnan(values[1:, 0]).all()
    assert np.isfinite(values[1:, 1:]).all()


def test_alive_is_1_at_the_origin_in_bg_and_not_in_pareto(summary, model):
    bg = clv.BetaGeoNBD().fit(summary)
    figure = plot.probability_alive_matrix(bg, summary)
    assert field(figure)[2][0, 0] == 1
    title = figure.axes[0].get_title(loc="left").split("\n")
    assert title[0] == "BG/NBD fitted to 2\u202f357 customers, data to 1997-09-30"
    assert title[1].endswith("no repeat purchase (field at the origin): 100\u00a0%")
    assert field(plot.probability_alive_matrix(model, summary, width=3.7))[2][0, 0] < 0.5


def test_matrices_stay_small(summary, model):
    connection = duckdb.connect()  # held, because older DuckDB closes it with the last reference
    many = connection.from_df(summary.assign(frequency=summary["frequency"] * 50))
    frequency, _, values = field(plot.probability_alive_matrix(model, many))
    assert values.shape == (1450 // 25 + 1, 61)
    assert frequency[-1] == pytest.approx(1450)
    assert field(plot.probability_alive_matrix(model, summary, highest=5))[2].shape == (6, 61)


def test_matrix_of_opportunities_is_a_triangle(donors):
    model = clv.BetaGeoBetaBinomial().fit(donors)
    figure = plot.expected_purchases_matrix(model, donors, horizon=2)
    possible = np.isfinite(field(figure)[2])
    possible_by_hand = [[0 < x <= last or x == last == 0 for last in range(7)] for x in range(7)]
    assert possible.tolist() == possible_by_hand
    assert figure.axes[0].get_xlabel().endswith("number of the opportunity")


def test_matrix_with_covariates(summary):
    split = summary.assign(group=np.where(summary["customer_id"] % 2, "odd", "even"))
    model = clv.ParetoNBD(purchase="group").fit(split)
    values = [
        field(plot.expected_purchases_matrix(model, split, horizon=9, covariates={"group": one}))[2][3, 9]
        for one in ("even", "odd")
    ]
    assert values[0] != values[1]
    figure = plot.probability_alive_matrix(model, split, covariates={"group": "odd"})
    assert figure.axes[0].get_title(loc="left").split("\n")[2] == "with group odd"


@pytest.mark.parametrize("given", [None, {}, {"grp": "odd"}, {"group": "odd", "T": 3}, "group", []])
def test_covariates_are_those_of_the_model(orders, summary, model, given):
    """The message asked to rename a column of the summary, which had it."""
    split = summary.assign(group=np.where(summary["customer_id"] % 2, "odd", "even"))
    grouped = clv.ParetoNBD(purchase="group").fit(split)
    for draw in (
        partial(plot.probability_alive_matrix, grouped, split),
        partial(plot.expected_purchases_matrix, grouped, split, horizon=9),
        partial(plot.alive_history, grouped, orders, customer_id=4, as_of=AS_OF),
    ):
        with pytest.raises(
            ParameterError,
            match="`covariates` must be a mapping with each covariate of the model, {'group': …}",
        ):
            draw(covariates=given)
    with pytest.raises(ParameterError, match="`covariates` must be None, as the model has no covariates"):
        plot.probability_alive_matrix(model, summary, covariates={"frequency": 1})


def test_matrix_up_to_an_age(summary, model):
    """lifetimes has max_recency: T and the longest recency are it."""
    figure = plot.probability_alive_matrix(model, summary, longest=20, highest=8)
    frequency, recency, values = field(figure)
    assert (frequency[-1], recency[-1]) == pytest.approx((8, 20))
    assert "customers of 20 weeks;" in figure.axes[0].get_title(loc="left")
    one = pd.DataFrame({"frequency": [3.0], "recency": [recency[30]], "T": [20.0]})
    assert values[3, 30] == pytest.approx(model.probability_alive(one)["probability_alive"].item())
    new = plot.expected_purchases_matrix(model, summary.assign(frequency=0), horizon=1, highest=2, longest=60)
    assert field(new)[1][-1] == pytest.approx(60)
    for wrong in (0, -1, float("nan"), "20"):
        with pytest.raises(ParameterError, match="`longest` must be a finite number above 0"):
            plot.probability_alive_matrix(model, summary, longest=wrong)


def test_matrix_up_to_an_opportunity(donors):
    model = clv.BetaGeoBetaBinomial().fit(donors)
    figure = plot.probability_alive_matrix(model, donors, longest=4)
    assert np.isfinite(field(figure)[2]).sum() == 1 + sum(range(1, 5))
    assert "customers of 4 opportunities;" in figure.axes[0].get_title(loc="left")
    with pytest.raises(ParameterError, match="`longest` must be an integer at least 1"):
        plot.probability_alive_matrix(model, donors, longest=2.5)


@pytest.mark.parametrize(("horizon", "words"), [(1, "week"), (0.5, "0.5 weeks"), (39, "39 weeks")])
def test_one_week_is_not_1_weeks(summary, model, horizon, words):
    figure = plot.expected_purchases_matrix(model, summary, horizon=horizon)
    assert figure.axes[1].get_ylabel() == f"expected purchases\nin the next {words}"


def test_matrix_without_a_unit(summary):
    bare = summary.drop(columns=["unit", "as_of"])
    figure = plot.expected_purchases_matrix(clv.BetaGeoNBD().fit(bare), bare, horizon=10)
    assert figure.axes[0].get_xlabel() == "recency (age at the last purchase)"
    assert figure.axes[1].get_ylabel().endswith("in the next 10 units of time")


def test_matrix_needs_repeat_purchases_and_the_unit_of_the_model(summary, model):
    with pytest.raises(DataError, match="with repeat purchases"):
        plot.probability_alive_matrix(model, summary.assign(frequency=0))
    with pytest.raises(DataError, match="with repeat purchases"):
        plot.probability_alive_matrix(model, summary.head(0))
    with pytest.raises(DataError, match="unit of the model"):
        plot.probability_alive_matrix(model, summary.assign(unit="day"))


def test_life_agrees_with_summaries_of_the_days(orders, model):
    figure = plot.alive_history(model, orders, customer_id=4, as_of="1998-06-30")
    (line,) = figure.axes[0].lines
    when = np.asarray(line.get_xdata(), dtype="datetime64[s]")
    for day in ("1997-08-02", "1998-06-30", "1997-01-01"):
        then = clv.summarize(orders[orders["customer_id"] == 4], as_of=day, after="drop")
        found = model.probability_alive(then)["probability_alive"].item()
        at = np.flatnonzero(when == np.datetime64(day, "s"))[-1]
        assert line.get_ydata()[at] == pytest.approx(found)
    ticks = figure.axes[0].collections[-1].get_segments()
    bought = orders[(orders["customer_id"] == 4)]["order_date"].dt.normalize().nunique()
    assert len(ticks) == bought


def test_life_falls_between_purchases_and_ends_with_as_of(orders, model):
    connection = duckdb.connect()  # held, because older DuckDB closes it with the last reference
    relation = connection.from_df(orders)
    figure = plot.alive_history(model, relation, customer_id=4, as_of="1997-03-01", width=3.7)
    (line,) = figure.axes[0].lines
    assert np.asarray(line.get_xdata(), dtype="datetime64[D]")[-1] == np.datetime64("1997-03-01")
    assert (np.diff(line.get_ydata()[-40:]) < 0).all()


def test_life_without_amounts(orders, model):
    def line(table, **how):
        return plot.alive_history(model, table, customer_id=4, as_of="1998-06-30", **how).axes[0].lines[0]

    bare = orders.drop(columns="amount")
    assert line(bare, monetary=False).get_ydata().tolist() == line(orders).get_ydata().tolist()
    with pytest.raises(ColumnError, match="Orders without amounts are read with monetary=False"):
        line(bare)


def test_life_on_the_day_of_the_first_purchase(model):
    orders = pd.DataFrame({"customer_id": [1], "order_date": pd.to_datetime(["2024-05-01"]), "amount": [5.0]})
    figure = plot.alive_history(model, orders, customer_id=1, as_of="2024-05-01")
    (line,) = figure.axes[0].lines
    assert line.get_ydata()[-1] == pytest.approx(1)
    assert line.get_marker() == "o"  # a line of one point is none
    left, right = figure.axes[0].get_xlim()
    assert left < matplotlib.dates.date2num(line.get_xdata()[0]) < right
    assert figure.axes[0].get_title(loc="left") == "customer 1: 1 purchase from 2024-05-01 to 2024-05-01"


def test_days_that_returns_cancel_are_no_purchase(model):
    days = pd.to_datetime(["2024-05-01", "2024-05-20", "2024-05-20", "2024-06-02"])
    orders = pd.DataFrame({"customer_id": 1, "order_date": days, "amount": [5.0, 9.0, -9.0, 4.0]})
    figure = plot.alive_history(model, orders, customer_id=1, as_of="2024-06-30")
    assert len(figure.axes[0].collections[-1].get_segments()) == 2


def test_life_needs_a_purchase_and_a_unit(orders, summary, model, donors):
    with pytest.raises(DataError, match="a purchase of customer 4 on or before 1996-01-01"):
        plot.alive_history(model, orders, customer_id=4, as_of="1996-01-01")
    bare = clv.BetaGeoNBD().fit(summary.drop(columns="unit"))
    for other in (bare, clv.BetaGeoBetaBinomial(unit="year").fit(donors)):
        with pytest.raises(ParameterError, match="customers with T in a known unit"):
            plot.alive_history(other, orders, customer_id=4, as_of=AS_OF)
