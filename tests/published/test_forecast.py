"""Golden numbers of reference §6: averages of the sales of 2002–2008 and the choice of the window."""

import numpy as np
import pandas as pd
import pytest

from crmkit import forecast

SALES = pd.DataFrame(
    {
        "period": pd.date_range("2002", periods=7, freq="YS"),
        "value": [4830, 4930, 4870, 5210, 5330, 5660, 5440],
    }
)


@pytest.mark.parametrize(
    ("window", "first", "expected"),
    [
        (2, 2004, [4880, 4900, 5040, 5270, 5495, 5550]),
        (4, 2006, [4960, 5085, 5267.5, 5410]),
    ],
)
def test_moving_averages(window, first, expected):
    result = forecast.moving_average(SALES, window=window, history=True)
    assert result["period"].dt.year.tolist() == list(range(first, 2010))
    assert result["forecast"].tolist() == expected


def test_weighted_moving_average():
    result = forecast.weighted_moving_average(SALES, weights=[0.4, 0.3, 0.2, 0.1])
    assert result["period"].tolist() == [pd.Timestamp("2009-01-01")]
    assert result["forecast"].to_numpy() == pytest.approx([5461])


def test_window_by_error_on_common_origins():
    result = forecast.choose_window(SALES)
    assert result["window"].tolist() == [1, 2, 3, 4]
    assert result["mae"].round(1).tolist() == [223.3, 245.0, 296.7, 372.5]
    assert result["n"].tolist() == [3, 3, 3, 3]
    assert result["chosen"].tolist() == [True, False, False, False]


def test_exponential_smoothing_recursion():
    level = 4830.0
    for value in SALES["value"]:
        level = 0.3 * value + 0.7 * level
    result = forecast.SimpleSmoothing(alpha=0.3).fit(SALES).predict(horizon=2)
    np.testing.assert_allclose(result["forecast"], [level, level], rtol=1e-14)
