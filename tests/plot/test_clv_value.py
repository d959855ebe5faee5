"""What customers spend and how their value is spread, against scipy's distributions and sums by hand."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import stats

from crmkit import clv, datasets, plot
from crmkit.errors import ColumnError, DataError


@pytest.fixture(scope="module")
def summary():
    return clv.summarize(datasets.load_cdnow(sample=True), as_of="1997-09-30", after="drop")


@pytest.fixture(scope="module")
def spend(summary):
    return clv.GammaGamma().fit(summary)


def test_lines_are_the_beta_prime_and_the_inverse_gamma(summary, spend):
    (axes,) = plot.spend_chart(summary, model=spend, unit="USD").axes
    p, q, v = spend.params_.values()
    observed, own = axes.lines
    z = observed.get_xdata()
    x = summary.loc[summary["frequency"] > 0, "frequency"].to_numpy()[:, None]
    # Given ν the sum of x purchases is gamma with shape px, over a gamma ν: beta prime, scaled by v.
    assert observed.get_ydata() == pytest.approx(stats.betaprime(p * x, q, scale=v / x).pdf(z).mean(axis=0))
    assert own.get_ydata() == pytest.approx(stats.invgamma(q, scale=p * v).pdf(z))
    assert axes.get_xlabel() == "mean spend in a purchase, USD"


def test_bars_hold_the_share_that_is_shown(summary, spend):
    (axes,) = plot.spend_chart(summary, model=spend, bins=20, width=3.7).axes
    area = sum(bar.get_height() * bar.get_width() for bar in axes.patches)
    assert len(axes.patches) == 20
    assert area == pytest.approx(1 - 18 / 946)
    assert axes.get_title(loc="left").replace("\n", " ").endswith("18 above 126 not shown")


def test_spend_with_weights_and_few_buyers(summary, spend):
    cells = pl.from_pandas(summary).with_columns(weight=pl.lit(2.0))
    titles = [
        plot.spend_chart(frame, model=spend).axes[0].get_title(loc="left")
        for frame in (cells, summary[summary["frequency"] > 0].head(3))
    ]
    assert titles[0].startswith("mean spend of 1\u202f892 repeat buyers; 36 above")
    assert titles[1] == "mean spend of 3 repeat buyers"
    with pytest.raises(DataError, match="at least one repeat buyer"):
        plot.spend_chart(summary[summary["frequency"] == 0], model=spend)


def test_concentration_of_value():
    valued = pl.DataFrame({"customer_value": [5.0, 60.0, 10.0, 25.0]})
    (axes,) = plot.value_concentration(valued, mark=0.5).axes
    curve = axes.lines[1]
    assert curve.get_xdata() == pytest.approx([0, 0.25, 0.5, 0.75, 1])
    assert curve.get_ydata() == pytest.approx([0, 0.6, 0.85, 0.95, 1])
    assert axes.get_title(loc="left") == "customer value of 4 customers"


def test_values_that_have_no_shares():
    with pytest.raises(DataError, match="Found 2 rows, 1 of them missing or infinite, with a total of 3"):
        plot.value_concentration(pd.DataFrame({"worth": [3.0, np.nan]}), value="worth")
    with pytest.raises(DataError, match="positive total"):
        plot.value_concentration(pd.DataFrame({"customer_value": [-1.0]}))
    with pytest.raises(DataError, match="Found 0 rows"):
        plot.value_concentration(pd.DataFrame({"customer_value": [1.0]}).head(0))
    with pytest.raises(ColumnError, match="customer_value"):
        plot.value_concentration(pd.DataFrame({"value": [1.0]}))
