"""Predictions beside the holdout: means of groups are read back and counted by hand."""

import itertools

import numpy as np
import pandas as pd
import pytest

from crmkit import clv, datasets, plot
from crmkit.errors import DataError, ParameterError

DATES = {"calibration_end": "1997-09-30", "holdout_end": "1998-06-30"}


@pytest.fixture(scope="module")
def holdout():
    return clv.holdout_summary(datasets.load_cdnow(sample=True), **DATES)


@pytest.fixture(scope="module")
def models(holdout):
    return {"BG/NBD": clv.BetaGeoNBD().fit(holdout), "Pareto/NBD": clv.ParetoNBD().fit(holdout)}


def test_conditional_purchases_are_means_by_frequency(holdout, models):
    figure = plot.conditional_purchases_chart(holdout, models=models, highest=4)
    (axes,) = figure.axes
    group = holdout["frequency"].clip(upper=4)
    means = holdout.groupby(group)["holdout_purchases"].mean()
    dots = axes.containers[0].lines[0]
    assert dots.get_ydata().tolist() == pytest.approx(means.tolist())
    predicted = models["BG/NBD"].expected_purchases(holdout, horizon=39)["expected_purchases"]
    line = next(line for line in axes.lines if line.get_label() == "BG/NBD")
    assert line.get_ydata().tolist() == pytest.approx(predicted.groupby(group).mean().tolist())
    assert axes.get_xticklabels()[-1].get_text() == "4+\n(n 193)"
    assert axes.get_title(loc="left").endswith("data to 1997-09-30, holdout of 39 weeks")
    assert (
        plot.conditional_purchases_chart(holdout, models=models, width=3.7)
        .axes[0]
        .get_xticklabels()[-1]
        .get_text()
        == "7+"
    )


def test_conditional_purchases_over_different_times(holdout, models):
    split = holdout.assign(holdout_duration=np.where(holdout["frequency"] > 2, 20.0, 39.0))
    assert "holdout" not in plot.conditional_purchases_chart(split, models=models).axes[0].get_title(
        loc="left"
    )


def test_calibration_bars_and_dots(holdout, models):
    table = clv.calibration_table(holdout, model=models["Pareto/NBD"], groups=25)
    (axes,) = plot.calibration_chart(table.sample(frac=1, random_state=1)).axes
    bars, dots = axes.containers
    assert [bar.get_height() for bar in bars] == pytest.approx(table["predicted"].tolist())
    assert dots.lines[0].get_ydata().tolist() == pytest.approx(table["actual"].tolist())
    assert len(axes.get_xticks()) <= 20
    assert axes.get_title(loc="left").startswith("2\u202f357 customers in ")
    with pytest.raises(DataError, match="at least one group"):
        plot.calibration_chart(table.head(0))


def names(figure):
    return [text.get_text() for text in figure.axes[0].get_xticklabels()]


def drawn_means(figure):
    """Return the dots and the line of the first model."""
    (axes,) = figure.axes
    dots = axes.containers[0].lines[0].get_ydata()
    return dots.tolist(), axes.lines[-1].get_ydata().tolist()


@pytest.mark.parametrize(
    ("by", "first", "last"),
    [
        ("recency", "none\n(n 1\u202f411)", "35\u201340\n(n 27)"),
        ("T", "26\u201328\n(n 179)", "38\u201340\n(n 157)"),
        ("time_since_last_purchase", "0\u20135\n(n 197)", "35\u201340\n(n 429)"),
    ],
)
def test_conditional_purchases_by_time(holdout, models, by, first, last):
    """Means of the groups as `pandas.cut` makes them; those without a repeat purchase have no recency."""
    model = {"BG/NBD": models["BG/NBD"]}
    figure = plot.conditional_purchases_chart(holdout, models=model, by=by)
    values = holdout.assign(time_since_last_purchase=(holdout["T"] - holdout["recency"]).round(9))[by]
    edges = range(26, 41, 2) if by == "T" else range(0, 41, 5)
    group = pd.cut(values, edges, right=False).cat.codes
    if by == "recency":
        group = group.where(holdout["frequency"] > 0, -1)
    predicted = models["BG/NBD"].expected_purchases(holdout, horizon=39)["expected_purchases"]
    dots, line = drawn_means(figure)
    assert dots == pytest.approx(holdout["holdout_purchases"].groupby(group).mean().tolist())
    assert line == pytest.approx(predicted.groupby(group).mean().tolist())
    assert names(figure)[0] == first
    assert names(figure)[-1] == last
    counted = [int("".join(filter(str.isdigit, name.split("(n")[1]))) for name in names(figure)]
    assert counted == group.value_counts().sort_index().tolist()


def test_time_in_whole_days_and_in_years(holdout, models):
    days = holdout.assign(
        recency=holdout["recency"] * 7, T=holdout["T"] * 7, holdout_duration=273.0, unit="day"
    ).round(6)
    by_day = {"BG/NBD": clv.BetaGeoNBD().fit(days)}
    figure = plot.conditional_purchases_chart(days, models=by_day, by="recency", width=3.7)
    assert (names(figure)[0], names(figure)[-1]) == ("none", "250\u2013299")
    years = days.assign(recency=days["recency"] / 365.25, T=days["T"] / 365.25, holdout_duration=0.75)
    by_year = {"BG/NBD": clv.BetaGeoNBD(unit="year").fit(years.drop(columns="unit"))}
    figure = plot.conditional_purchases_chart(years.drop(columns="unit"), models=by_year, by="recency")
    assert [name.split("\n")[0] for name in names(figure)[:3]] == ["none", "0\u20130.1", "0.1\u20130.2"]
    assert (
        figure.axes[0].get_xlabel() == "recency (age at the last purchase), years; none: no repeat purchase"
    )


def test_opportunities_end_the_groups(donors):
    """Nobody gives seven times on six occasions."""
    donors = donors.assign(holdout_purchases=1, holdout_duration=1)
    models = {"BG/BB": clv.BetaGeoBetaBinomial().fit(donors)}
    figure = plot.conditional_purchases_chart(donors, models=models)
    assert [name.split("\n")[0] for name in names(figure)] == [*"0123456"]
    assert figure.axes[0].get_title(loc="left").endswith("holdout of 1 opportunity")
    since = plot.conditional_purchases_chart(donors, models=models, by="time_since_last_purchase")
    assert names(since)[0].startswith("0\n")
    one = plot.conditional_purchases_chart(donors, models=models, by="T")
    assert names(one) == ["6\n(n 11\u202f104)"]
    assert one.axes[0].get_xlabel() == "opportunities in the calibration"
    assert one.axes[0].lines[-1].get_marker() == "_"
    recent = plot.conditional_purchases_chart(donors, models=models, by="recency")
    assert "number of the opportunity" in recent.axes[0].get_xlabel()


def test_base_in_which_nobody_came_back(holdout, models):
    once = holdout[holdout["frequency"] == 0]
    figure = plot.conditional_purchases_chart(once, models=models, by="recency")
    assert names(figure) == ["none\n(n 1\u202f411)"]


def test_sizes_of_many_groups_stand_upright_and_one_customer_has_no_interval(holdout, models):
    """Labels of thirty groups ran together, and a single customer had an interval of no width."""
    figure = plot.conditional_purchases_chart(holdout, models=models, highest=30)
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].get_xticklabels()]
    assert all(left.x1 <= right.x0 for left, right in itertools.pairwise(boxes))
    assert names(figure)[-1] == "29 (n 1)"
    segments = figure.axes[0].containers[0].lines[2][0].get_segments()
    assert not np.isfinite(np.reshape(segments[-1], (-1, 2))[:, 1]).any()


def test_by_is_one_of_four(holdout, models):
    with pytest.raises(ParameterError, match="`by` must be one of 'frequency', 'recency', 'T'"):
        plot.conditional_purchases_chart(holdout, models=models, by="T_cal")
    with pytest.raises(DataError, match="1 of 1 rows have a negative 'frequency'"):
        plot.conditional_purchases_chart(holdout.head(1).assign(frequency=-1), models=models)
