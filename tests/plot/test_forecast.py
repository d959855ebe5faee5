"""A series with its forecast."""

import matplotlib.dates as mdates
import numpy as np
import pandas as pd
import pytest

from crmkit import forecast, plot
from crmkit.errors import DataError


@pytest.fixture
def sales():
    years = pd.date_range("2002", periods=7, freq="YS")
    return pd.DataFrame({"period": years, "value": [4830.0, 4930, 4870, 5210, 5330, 5660, 5440]})


def test_line_forecast_and_band(sales):
    ahead = forecast.moving_average(sales, window=2, horizon=2)
    (axes,) = plot.forecast_chart(sales.sample(frac=1, random_state=1), ahead, what="sales", unit="EUR").axes
    past, future = axes.lines
    assert past.get_ydata().tolist() == sales["value"].tolist()
    assert future.get_ydata().tolist() == [5440, 5550, 5550]
    assert axes.get_ylabel() == "sales, EUR"
    (band,) = axes.collections
    assert band.get_paths()[0].vertices[:, 1].max() == pytest.approx(ahead["upper"].max())
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["actual", "95 % band", "forecast"]
    assert axes.get_xticklabels()[0].get_text() == "2002"
    assert axes.get_ylim()[0] == 0


@pytest.mark.parametrize(("freq", "label"), [("D", "01 Jan 24"), ("MS", "Jan 24")])
def test_ticks_are_as_fine_as_the_periods(freq, label):
    days = pd.date_range("2024-01-01", periods=9, freq=freq)
    past = pd.DataFrame({"period": days[:-1], "value": 1.0})
    ahead = pd.DataFrame({"period": days[-1:], "forecast": 1.0, "lower": 0.5, "upper": 1.5})
    (axes,) = plot.forecast_chart(past, ahead, width=3.7).axes
    assert axes.get_xticklabels()[0].get_text() == label
    assert len(axes.get_xticks()) <= 4
    assert mdates.num2date(axes.get_xticks()[0]).strftime("%d %b %y").endswith(label[-6:])


def test_without_a_band_and_below_zero(sales):
    losses = sales.assign(value=-sales["value"])
    ahead = pd.DataFrame(
        {"period": [pd.Timestamp("2009-01-01")], "forecast": [-5e3], "lower": np.nan, "upper": np.nan}
    )
    assert plot.forecast_chart(losses, ahead).axes[0].get_ylim()[0] < -5000
    assert plot.forecast_chart(sales, ahead).axes[0].get_ylim()[0] == 0


def test_nothing_to_draw(sales):
    ahead = forecast.moving_average(sales, window=2)
    with pytest.raises(DataError, match="needs a past and a future"):
        plot.forecast_chart(sales.head(0), ahead)
