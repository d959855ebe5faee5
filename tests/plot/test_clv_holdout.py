"""Predictions beside the holdout: means of groups are read back and counted by hand."""

import numpy as np
import pytest

from crmkit import clv, datasets, plot
from crmkit.errors import DataError

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
