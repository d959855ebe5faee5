"""Survival and retention rates of contracts: observed ones by hand, models by the formula of the paper."""

import itertools

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.special import beta
from scipy.stats import binomtest

from crmkit import clv, plot
from crmkit.errors import ColumnError, CRMKitError, DataError, ParameterError

# Fader and Hardie (2007), table 1, "high end": seven years that the models see, five that they do not.
LEFT = [1000, 869, 743, 653, 593, 551, 517, 491, 468, 445, 427, 409, 394]


def cohort(survivors, **more):
    return pd.DataFrame({"period": range(len(survivors)), "survivors": survivors, **more})


@pytest.fixture(scope="module")
def model():
    return clv.ShiftedBetaGeometric(unit="year").fit_survivors(cohort(LEFT[:8]))


def named(axes, label):
    (line,) = [line for line in axes.lines if line.get_label() == label]
    return line.get_xdata().tolist(), line.get_ydata().tolist()


def dots(axes):
    line = axes.containers[0].lines[0]
    return line.get_xdata().tolist(), line.get_ydata().tolist()


def marks(axes):
    """Return where upright lines stand, and what is written beside them."""
    upright = [line.get_xdata()[0] for line in axes.lines if len(set(line.get_xdata())) == 1]
    return upright, [text.get_text() for text in axes.texts]


def test_what_was_observed_and_what_the_paper_expects(model):
    staying, renewing = plot.survival_chart(cohort(LEFT), models={"sBG": model}).axes
    assert dots(staying) == (list(range(13)), pytest.approx([one / 1000 for one in LEFT]))
    rates = [after / before for before, after in itertools.pairwise(LEFT)]
    assert dots(renewing) == (list(range(1, 13)), pytest.approx(rates))
    a, b = model.params_.values()
    t = np.arange(19)
    assert named(staying, "sBG") == (t.tolist(), pytest.approx((beta(a, b + t) / beta(a, b)).tolist()))
    assert named(renewing, "sBG")[1] == pytest.approx(((b + t[1:] - 1) / (a + b + t[1:] - 1)).tolist())
    (ends,) = renewing.containers[0].lines[2]
    wilson = binomtest(394, 409).proportion_ci(method="wilson")
    assert ends.get_segments()[-1][:, 1] == pytest.approx([wilson.low, wilson.high])
    for axes in (staying, renewing):
        assert marks(axes) == ([7], ["projection"])
        assert axes.get_xlabel() == "renewals, one a year"


def test_cohorts_are_pooled_and_drawn_apart(model):
    parts = {"a": [100, 60, 48], "b": [200, 150], "c": [0]}
    table = pd.concat([cohort(survivors, cohort=name) for name, survivors in parts.items()])
    figure = plot.survival_chart(pl.from_pandas(table.sample(frac=1, random_state=1)), models={"sBG": model})
    staying, renewing = figure.axes
    assert dots(renewing)[1] == pytest.approx([210 / 300, 48 / 60])
    assert dots(staying)[1] == pytest.approx([1, 0.7, 0.56])
    thin = [line.get_ydata().tolist() for line in staying.lines if line.get_linewidth() < 1]
    assert thin == [pytest.approx([1, 0.6, 0.48]), pytest.approx([1, 0.75])]
    assert staying.get_title(loc="left") == "300 customers in 2 cohorts, 2 renewals observed"


def test_single_contracts_with_some_still_open(model):
    """Weights count; who is still in her first period was up for nothing."""
    table = {"tenure": [1, 2, 2, 0], "churned": [True, True, False, False], "weight": [30, 14, 56, 9]}
    staying, renewing = plot.survival_chart(table, models={"sBG": model}, periods=4, width=3.7).axes
    assert dots(renewing)[1] == pytest.approx([70 / 100, 56 / 70])
    assert dots(staying)[1] == pytest.approx([1, 0.7, 0.56])
    assert named(staying, "sBG")[0] == [0, 1, 2, 3, 4]
    assert marks(staying) == ([], [])  # the model saw seven renewals: nothing drawn is beyond them
    assert staying.get_title(loc="left").endswith("109 customers, 2 renewals observed")


def test_lines_reach_what_is_asked_and_never_less_than_the_data(model):
    few, many = (
        named(plot.survival_chart(cohort(LEFT), models={"m": model}, periods=n).axes[0], "m")[0][-1]
        for n in (2, 30)
    )
    assert (few, many) == (12, 30)
    one = plot.survival_chart(cohort([10, 4], cohort=2020), models={"m": model}).axes[0]
    assert one.get_title(loc="left") == "10 customers in 1 cohort, 1 renewal observed"
    assert named(one, "m")[0][-1] == 11  # half as many again as the seven of the model


def test_models_of_different_data_have_lines_of_their_own(model):
    short = clv.BetaDiscreteWeibull(unit="month").fit_survivors(cohort(LEFT[:5]))
    figure = plot.survival_chart(cohort(LEFT), models={"sBG": model, "BdW": short})
    assert marks(figure.axes[1]) == ([4, 7], ["projection\nof BdW", "projection\nof sBG"])
    assert figure.axes[0].get_xlabel() == "renewals"  # of no common unit
    figure.draw_without_rendering()
    legend = figure.axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["sBG", "BdW", "observed"]
    assert figure.axes[0].get_window_extent().width > 0.3 * figure.bbox.width


def test_the_ticks_of_rates_are_whole_per_cents(model):
    """Steps of 2.5 % would be written 92 %, 95 %, 98 %."""
    figure = plot.survival_chart(cohort(LEFT), models={"sBG": model})
    ticks = 100 * figure.axes[1].get_yticks()
    assert ticks == pytest.approx(np.round(ticks))


def test_what_cannot_be_drawn(model):
    with pytest.raises(ColumnError, match="`observed` must have the column 'period'"):
        plot.survival_chart(pd.DataFrame({"survivors": [3, 2]}), models={"m": model})
    with pytest.raises(DataError, match="`observed` must have survivors that never grow in number"):
        plot.survival_chart(cohort([10, 11]), models={"m": model})
    with pytest.raises(DataError, match="`observed` must have survivors that are numbers of customers"):
        plot.survival_chart(cohort([1, 0.6]), models={"m": model})
    with pytest.raises(DataError, match="`observed`.* tenure that is not a whole number"):
        plot.survival_chart({"tenure": [1.5], "churned": [True]}, models={"m": model})
    with pytest.raises(DataError, match="at least one customer up for a renewal"):
        plot.survival_chart(cohort([10]), models={"m": model})
    with pytest.raises(ParameterError, match="mapping of 1 to 5 names"):
        plot.survival_chart(cohort(LEFT), models=model)
    with pytest.raises(ParameterError, match="fitted ShiftedBetaGeometric or BetaDiscreteWeibull. Got 'sBG'"):
        plot.survival_chart(cohort(LEFT), models={"m": "sBG"})
    with pytest.raises(CRMKitError, match="must be fitted"):
        plot.survival_chart(cohort(LEFT), models={"m": clv.ShiftedBetaGeometric()})
    with pytest.raises(ParameterError, match="`periods` must be an integer at least 1"):
        plot.survival_chart(cohort(LEFT), models={"m": model}, periods=0)


@pytest.mark.parametrize("single", [False, True])
def test_every_engine_draws_the_same(engine, model, single):
    table = cohort(LEFT, cohort="a")
    if single:
        table = pd.DataFrame({"tenure": [1, 2, 3], "churned": [True, True, False], "weight": [3, 2, 4]})
    ours, theirs = (plot.survival_chart(frame, models={"m": model}) for frame in (table, engine(table)))
    for left, right in zip(ours.axes, theirs.axes, strict=True):
        for line, other in zip(left.lines, right.lines, strict=True):
            assert other.get_ydata() == pytest.approx(line.get_ydata())
