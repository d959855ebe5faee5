"""Funnels, ratios and curves: the data read back from the artists."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from crmkit import metrics, plot
from crmkit.errors import ColumnError, DataError


def texts(axes):
    return [one.get_text().replace("\u00a0", " ").replace("\u202f", " ") for one in axes.texts]


def test_funnel_bars_and_whiskers():
    stages = metrics.funnel_from_counts({"leads": 1000, "won": 250})
    (axes,) = plot.funnel_chart(stages, what="leads of 2024").axes
    assert [bar.get_width() for bar in axes.patches] == [1000, 250]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["leads", "won"]
    assert axes.yaxis_inverted()
    assert texts(axes) == ["1 000 · 100 %", "250 · 25 %"]
    assert axes.get_xlabel() == "leads of 2024"
    (whiskers,) = axes.collections
    assert whiskers.get_segments()[1][:, 0] == pytest.approx(
        [224.2, 277.8], abs=0.1
    )  # Wilson of 250 in 1 000


def test_ratio_dots_in_the_order_of_the_table():
    ratios = pd.DataFrame(
        {
            "channel": ["web", None, "none"],
            "ratio": [0.2, 0.1, None],
            "lower": [0.1, 0.05, None],
            "upper": [0.3, 0.2, None],
            "n": [1500, 60, 0],
        }
    )
    (axes,) = plot.ratio_chart(ratios, group="channel", what="won", average=0.15).axes
    labels = [label.get_text().replace("\u202f", " ") for label in axes.get_yticklabels()]
    assert labels == ["web (n 1 500)", "(none) (n 60)", "none (n 0)"]
    dots = next(line for line in axes.lines if line.get_marker() == "o")
    np.testing.assert_allclose(np.asarray(dots.get_xdata(), dtype=float), [0.2, 0.1, np.nan])
    assert axes.get_legend() is not None
    assert plot.ratio_chart(ratios, group="channel").axes[0].get_legend() is None


@pytest.fixture
def kanthal():
    """40 of 100 customers profitable, at 220 % of the total."""
    return pd.DataFrame({"customer_id": range(100), "profit": [5.5] * 40 + [-2.0] * 60})


def test_whale_curve_peak(kanthal):
    curve = metrics.whale_curve(kanthal)
    (axes,) = plot.whale_chart(curve, unit="EUR").axes
    dot = next(line for line in axes.lines if line.get_marker() == "o")
    assert (dot.get_xdata()[0], dot.get_ydata()[0]) == (0.4, 220)
    assert any("peak at 40 % of customers,\n220 % of the total" in text for text in texts(axes))
    assert axes.get_ylabel() == "cumulative profit, EUR"
    line = next(line for line in axes.lines if len(line.get_xdata()) > 50)
    assert (line.get_xdata()[0], line.get_ydata()[0]) == (0, 0)
    assert line.get_ydata()[-1] == pytest.approx(100)


def test_whale_curve_without_a_positive_total():
    curve = metrics.whale_curve(pd.DataFrame({"customer_id": [1, 2], "profit": [1.0, -3.0]}))
    assert "of the total" not in " ".join(texts(plot.whale_chart(curve).axes[0]))


def test_long_curves_are_thinned_and_keep_the_peak():
    profit = pd.DataFrame({"customer_id": range(5001), "profit": [1.0] * 3334 + [-1.0] * 1667})
    (axes,) = plot.whale_chart(metrics.whale_curve(profit)).axes
    line = max(axes.lines, key=lambda one: len(one.get_xdata()))
    assert len(line.get_xdata()) < 500
    assert line.get_ydata().max() == 3334
    assert line.get_ydata()[-1] == 1667


def test_a_funnel_of_nobody():
    stages = metrics.funnel_from_counts({"leads": 0, "wins": 0})
    (axes,) = plot.funnel_chart(stages).axes
    assert [bar.get_width() for bar in axes.patches] == [0, 0]


def test_concentration(kanthal):
    best = metrics.whale_curve(kanthal.assign(profit=[80.0] * 20 + [5.0] * 80))
    (axes,) = plot.concentration_curve(best, mark=0.2, what="sales").axes
    assert texts(axes) == ["20 % of customers:\n80 % of sales"]
    assert axes.get_ylabel() == "cumulative share of sales"


@pytest.mark.parametrize("draw", [plot.whale_chart, plot.concentration_curve])
def test_the_first_labels_of_the_axes_do_not_touch(kanthal, draw):
    drawn = draw(metrics.whale_curve(kanthal.assign(profit=[80.0] * 20 + [5.0] * 80)), width=5.8)
    drawn.canvas.draw()
    (axes,) = drawn.axes
    below, beside = (
        next(one for one in axis.get_ticklabels() if one.get_text().startswith("0")).get_window_extent()
        for axis in (axes.xaxis, axes.yaxis)
    )
    assert not below.overlaps(beside)


def test_concentration_needs_a_positive_total():
    curve = metrics.whale_curve(pd.DataFrame({"customer_id": [1], "profit": [-1.0]}))
    with pytest.raises(DataError, match="needs a positive total"):
        plot.concentration_curve(curve)


@pytest.mark.parametrize("draw", [plot.whale_chart, plot.concentration_curve])
def test_no_customers(draw):
    curve = metrics.whale_curve(pd.DataFrame({"customer_id": [1], "profit": [1.0]})).head(0)
    with pytest.raises(DataError, match="`curve` must have at least one row to draw"):
        draw(curve)


def test_missing_columns_are_named():
    with pytest.raises(ColumnError, match="overall_rate"):
        plot.funnel_chart(pd.DataFrame({"stage": ["a"], "reached": [1]}))


def test_other_engines_are_welcome(kanthal):
    curve = metrics.whale_curve(pl.from_pandas(kanthal))
    assert plot.whale_chart(curve, width=3.7).get_size_inches()[0] == 3.7
