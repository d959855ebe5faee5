"""Lifetime value against retention."""

import pandas as pd
import pytest

from crmkit import clv, plot


def test_curve_line_and_interval():
    rates = pd.DataFrame({"margin": 100.0, "retention": [0.9, 0.6]})
    values = clv.lifetime_value_table(rates, discount=0.12)
    figure = plot.retention_curve(values, retention=0.8, interval=(0.75, 0.85), unit="EUR", what="value")
    (axes,) = figure.axes
    curve = axes.lines[1]
    assert curve.get_xdata().tolist() == [0.6, 0.9]
    assert curve.get_ydata().tolist() == pytest.approx([60 / 0.52, 90 / 0.22])
    assert axes.lines[0].get_xdata() == [0.8, 0.8]
    assert len(axes.patches) == 1
    assert axes.get_ylabel() == "value, EUR"
    assert not plot.retention_curve(values, retention=0.8).axes[0].patches
